import type { Clock } from "../lib/time/clock.ts";
import { type AccessStore, openAccess } from "./access/access-store.ts";
import { type ChannelStore, channelStore } from "./channels.ts";
import { EventLog } from "./events/event-log.ts";
import { type EventStore, eventStore } from "./events/event-store.ts";
import { openPolicies, type PolicyStore } from "./policy/policies.ts";
import { type RevocationStore, revocationStore } from "./revocations.ts";
import { type RolloutStore, rolloutStore } from "./rollouts/rollout-store.ts";
import { type RunStore, runStore } from "./runs.ts";
import { keyFileBeside } from "./secrets/secret-key.ts";
import { openSecrets, type SecretStore } from "./secrets/secrets.ts";
import { type ReleaseStore, releaseStore } from "./services/release-store.ts";
import { type ServerStore, serverStore } from "./services/server-store.ts";
import { type ServiceStore, serviceStore } from "./services/service-store.ts";
import { type SessionStore, sessionStore } from "./sessions.ts";
import { openSources, type SourceStore } from "./sources/sources.ts";
import { openSourceWebhooks, type SourceWebhookStore } from "./sources/webhooks.ts";
import { openDatabase } from "./sqlite/migrations.ts";
import { type MomentStore, momentStore } from "./sqlite/moments.ts";
import { type TaintStore, taintStore } from "./taints.ts";
import { type TargetStore, targetStore } from "./targets.ts";
import { type TrafficStore, trafficStore } from "./traffic.ts";
import { type TrustStore, trustStore } from "./trust.ts";
import { openWebhooks, type WebhookStore } from "./webhooks/webhooks.ts";
import type { Workbench } from "./workbench.ts";

/**
 * What an installation knows. Calls are synchronous and return plain data. A call that changes something does so in
 * one transaction with its events; when it returns, that is on the disk. Any call may throw `state_corrupt`,
 * `disk_full` or `state_held`.
 */
export interface Store
  extends ServiceStore,
    ReleaseStore,
    ServerStore,
    RolloutStore,
    EventStore,
    TargetStore,
    TrustStore,
    RevocationStore,
    ChannelStore,
    RunStore,
    SessionStore,
    TaintStore,
    TrafficStore,
    MomentStore,
    Disposable {
  readonly policies: PolicyStore;
  readonly webhooks: WebhookStore;
  /** Repositories that services follow. */
  readonly sources: SourceStore;
  readonly sourceWebhooks: SourceWebhookStore;
  /**
   * What `work` returns after changing the store it is given; then all its changes are taken back, and no listener hears of
   * their events. Throws what `work` throws.
   */
  rehearse<Result>(work: (store: Store) => Result): Result;
  readonly secrets: SecretStore;
  readonly access: AccessStore;
  close(): void;
}

/**
 * Opens the state database, and makes or migrates it if need be. Throws `state_newer` (it is left untouched),
 * `state_corrupt`, `state_held`, `disk_full`. That only one controller does so at a time is the controller's care.
 */
export function openStore(path: string, options: { readonly clock: Clock }): Store {
  const { clock } = options;
  const db = openDatabase(path);
  const log = new EventLog(db, clock);
  const bench: Workbench = { db, log, clock };
  const store: Store = {
    ...serviceStore(bench),
    ...releaseStore(bench),
    ...serverStore(bench),
    ...rolloutStore(bench),
    ...eventStore(bench),
    ...targetStore(bench),
    ...trustStore(bench),
    ...revocationStore(bench),
    ...channelStore(bench),
    ...runStore(bench),
    ...sessionStore(bench),
    ...taintStore(bench),
    ...trafficStore(bench),
    ...momentStore(bench),
    policies: openPolicies(bench),
    webhooks: openWebhooks(bench, keyFileBeside(path)),
    sources: openSources(bench),
    sourceWebhooks: openSourceWebhooks(bench, keyFileBeside(path)),
    rehearse: (work) => db.rehearsal(() => work(store)),
    secrets: openSecrets(bench, keyFileBeside(path)),
    access: openAccess(bench),
    close: () => db.close(),
    [Symbol.dispose]: () => db.close(),
  };
  return store;
}
