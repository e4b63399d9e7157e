import type { ChainFinding } from "../audit/chain-check.ts";
import type { Checkpoint } from "../audit/checkpoint.ts";
import type { LogMark } from "../audit/entry.ts";
import type { Replayed } from "../audit/replay.ts";
import type { Asker } from "../domain/access/actor.ts";
import type { KilnEvent, NewEvent } from "../domain/event.ts";
import type { ImageDigest, ServerId, ServiceKey } from "../domain/ids.ts";
import type { ServerFailure } from "../domain/observation.ts";
import type { ImagePolicy, TrustedKey } from "../domain/policy/admission.ts";
import type { Channel, Revocation } from "../domain/policy/revocation.ts";
import type { RecordChange } from "../domain/rollout/actions.ts";
import type { Release, ReleaseDraft } from "../domain/rollout/release.ts";
import type { DesiredService, Rollout } from "../domain/rollout/rollout.ts";
import type { ScheduleSpec } from "../domain/spec/job-spec.ts";
import type { RolloutPolicy } from "../domain/spec/rollout-policy.ts";
import type { UpkeepPolicy } from "../domain/spec/upkeep-policy.ts";
import type { Target, TargetName } from "../domain/target.ts";
import type { TrafficCounter, TrafficSpan } from "../domain/traffic/traffic.ts";
import type { Clock } from "../lib/time/clock.ts";
import { type AccessStore, openAccess } from "./access/access-store.ts";
import { deleteChannel, insertChannel, selectChannelHistory } from "./channels.ts";
import { type EventListener, EventLog } from "./events/event-log.ts";
import {
  checkChain,
  checkTail,
  type EventQuery,
  selectAudit,
  selectEvents,
  selectLast,
  selectNewestAudit,
} from "./events/events.ts";
import { openPolicies, type PolicyStore } from "./policy/policies.ts";
import { deleteRevocation, insertRevocation, selectRevocations } from "./revocations.ts";
import { applyChange } from "./rollouts/apply.ts";
import { selectFailures } from "./rollouts/failures.ts";
import { selectCommit, selectRollout, selectRollouts } from "./rollouts/rollouts.ts";
import {
  draftRelease,
  requireWay,
  type StartDeploy,
  type StartRollback,
  startDeploy,
  startRollback,
} from "./rollouts/start.ts";
import { abort, pause, promote, resume } from "./rollouts/steer.ts";
import {
  type AskedRun,
  type DecidedTimes,
  decideTimes,
  insertAsked,
  keepSchedules,
  selectDecided,
} from "./runs.ts";
import { keyFileBeside } from "./secrets/secret-key.ts";
import { openSecrets, type SecretStore } from "./secrets/secrets.ts";
import { selectContent } from "./services/contents.ts";
import { selectAllDesired, selectDesired } from "./services/desired.ts";
import {
  markRemoved,
  prune,
  recordFailure,
  recordServers,
  setCount,
  setPolicy,
  setUpkeep,
} from "./services/manage.ts";
import { selectImagesInUse, selectLastGood, selectReleases } from "./services/releases.ts";
import { selectService } from "./services/services.ts";
import {
  deleteSession,
  insertSession,
  type NewSession,
  type OpenSession,
  type SessionEnd,
  selectSessions,
} from "./sessions.ts";
import { openDatabase } from "./sqlite/migrations.ts";
import { moveMoments, selectLatestMoment } from "./sqlite/moments.ts";
import {
  insertTaint,
  type KeptEvidence,
  type NewTaint,
  type PastTaint,
  recordEvidence,
  selectTaints,
  takeTainted,
} from "./taints.ts";
import { deleteTarget, insertTarget, requireTarget, selectTargets } from "./targets.ts";
import { recordTraffic, selectReading, selectTraffic } from "./traffic.ts";
import {
  deleteImagePolicy,
  insertTrustedKey,
  revokeTrustedKey,
  selectImagePolicies,
  selectTrustedKeys,
  setImagePolicy,
} from "./trust.ts";
import { openWebhooks, type WebhookStore } from "./webhooks/webhooks.ts";
import type { Workbench } from "./workbench.ts";

export type {
  AccessStore,
  EventListener,
  EventQuery,
  NewSession,
  NewTaint,
  OpenSession,
  PastTaint,
  SecretStore,
  SessionEnd,
  StartDeploy,
  StartRollback,
};

const keptReleases = 10;

/**
 * What an installation knows. Calls are synchronous and return plain data. A call that changes something does so in
 * one transaction with its events; when it returns, that is on the disk. Any call may throw `state_corrupt`,
 * `disk_full` or `state_held`.
 */
export interface Store extends Disposable {
  /** What is desired of the service; undefined when there is none of that name. */
  desired(service: ServiceKey): DesiredService | undefined;
  desiredAll(): readonly DesiredService[];
  /** How the service was last asked to be rolled out. */
  policy(service: ServiceKey): RolloutPolicy | undefined;
  /** Where the service is; undefined when there is none of that name. */
  targetOf(service: ServiceKey): TargetName | undefined;
  /** `local` first, the others by name. */
  targets(): readonly Target[];
  /** Throws `target_unknown`. */
  target(name: TargetName): Target;
  /** Throws `target_taken`. */
  addTarget(target: Pick<Target, "name" | "platform" | "options">, by: Asker): Target;
  /** Throws `target_unknown`, and `target_in_use` while services are on it. */
  removeTarget(name: TargetName, by: Asker): void;
  /** By name, revoked ones too. */
  trustedKeys(): readonly TrustedKey[];
  /** Throws `trusted_key_taken` for a name or a key that is there, also a revoked one. */
  addTrustedKey(key: Pick<TrustedKey, "name" | "keyId" | "publicKey">, by: Asker): TrustedKey;
  /** Repeating it is fine. Throws `trusted_key_unknown`. */
  revokeTrustedKey(name: string, reason: string, by: Asker): void;
  /** The one for every target first, the others by target. */
  imagePolicies(): readonly ImagePolicy[];
  /** By digest; also those that are yet to come. */
  revocations(): readonly Revocation[];
  /**
   * From now on, unless a moment is stated. In place of an earlier one of the same image. Throws `usage` when that one holds already
   * and the moment is yet to come.
   */
  revokeImage(
    asked: { readonly digest: ImageDigest; readonly atMs?: number | undefined; readonly reason: string },
    by: Asker,
  ): Revocation;
  /** False when it is not revoked. */
  unrevokeImage(digest: ImageDigest, by: Asker): boolean;
  /** Where each channel has been, by channel, the newest first. */
  channelHistory(): readonly Channel[];
  /** With where it has been. False when there is none. */
  removeChannel(channel: Pick<Channel, "service" | "name">, by: Asker): boolean;
  /** Moves a channel, or makes it. */
  setChannel(to: Pick<Channel, "service" | "name" | "version" | "digest">, by: Asker): Channel;
  /** In place of the one for the same target. Throws `trusted_key_unknown` and `target_unknown`. */
  setImagePolicy(policy: ImagePolicy, by: Asker): void;
  /** False when there was none. */
  removeImagePolicy(target: TargetName | undefined, by: Asker): boolean;
  readonly policies: PolicyStore;
  readonly webhooks: WebhookStore;
  /** The release that a deploy of this draft would go to. Records nothing. */
  draftRelease(service: ServiceKey, draft: ReleaseDraft, createdBy: string): Release;
  /** Whether `startDeploy` would be refused. Records nothing. Throws `rollout_running`, `service_removing`. */
  requireWay(service: ServiceKey, supersede: boolean): void;
  /**
   * What `work` returns after changing the store it is given; then all its changes are taken back, and no listener hears of
   * their events. Throws what `work` throws.
   */
  rehearse<Result>(work: (store: Store) => Result): Result;
  /** Throws `rollout_running`, `service_removing`, `target_unknown`. */
  startDeploy(start: StartDeploy): Rollout;
  /** Throws `service_unknown`, `service_removing`, `release_unknown`, `rollout_running`. */
  startRollback(start: StartRollback): Rollout;
  /** Returns the count before. Throws `service_unknown`, `service_removing`. */
  setCount(service: ServiceKey, count: number, by: Asker): number;
  /** For a deploy that changes nothing else. Throws `service_unknown`, `service_removing`. */
  setPolicy(service: ServiceKey, policy: RolloutPolicy, by: Asker): void;
  /** The same for what is done about its servers. */
  setUpkeep(service: ServiceKey, upkeep: UpkeepPolicy, by: Asker): void;
  /**
   * The mark that drift leaves, for as long as the server is there; with `take` the decision to take it out now. False
   * when it has one already: then nothing is changed.
   */
  taint(taint: NewTaint): boolean;
  /** The tainted server is taken out now. */
  takeTainted(server: ServerId): void;
  /** Evidence is kept under this name, or (undefined) could not be, for this reason. */
  recordEvidence(evidence: KeptEvidence, reason: string): void;
  /**
   * Someone is about to be let into a server: from here on its taint, if it is to have one, is held. Returns the
   * session's number.
   */
  openSession(session: NewSession): number;
  /** False when it is known to be over. */
  endSession(id: number, end: SessionEnd): boolean;
  /** Those that are not over, the oldest first. */
  sessions(): readonly OpenSession[];
  /** Up to when the times of the schedule are decided (Unix time in ms); undefined: it is new, or has become another one. */
  decided(service: ServiceKey, spec: ScheduleSpec): number | undefined;
  /** What has become of times of a schedule. Returns whether a run follows. */
  decideTimes(times: DecidedTimes): boolean;
  /** Forgets what is known of all other schedules of the service. */
  keepSchedules(service: ServiceKey, names: readonly string[]): void;
  /** Returns the run's number. */
  askRun(asked: AskedRun, by: Asker): number;
  /** Newest first, also of servers that are gone; of all services without one. */
  taints(service?: ServiceKey): readonly PastTaint[];
  /** Nothing of the service shall be left. A running rollout ends. Repeating it is fine. Throws `service_unknown`. */
  markRemoved(service: ServiceKey, by: Asker): void;
  /** Records what the planner decided; false when something has happened since that makes it void. */
  apply(service: ServiceKey, change: RecordChange, reason: string): boolean;
  /** The latest moment that anything which runs counts from; undefined when nothing does. */
  latestMoment(): number | undefined;
  /**
   * The clock was set by so much: whatever counts from a moment, or until one, is moved along and lasts as long as it
   * would have. `what` has happened, as the beginning of a sentence.
   */
  moveMoments(byMs: number, what: string): void;
  /** Turns the running rollout back; one that is on its way back already is returned as it is. Throws `rollout_none`. */
  abort(service: ServiceKey, by: Asker): Rollout;
  /** Stops it where it is; one that is paused already is returned as it is. Throws `rollout_none`. */
  pause(service: ServiceKey, by: Asker): Rollout;
  /** Continues a paused rollout. Throws `rollout_none`. */
  resume(service: ServiceKey, by: Asker): Rollout;
  /** Skips the rest of the present step's hold. Throws `rollout_none`. */
  promote(service: ServiceKey, by: Asker): Rollout;
  rollout(id: number): Rollout | undefined;
  /** Newest first; the newest 100 without `limit`. */
  rollouts(service: ServiceKey, limit?: number): readonly Rollout[];
  /** The git commit that the serving release was deployed from; undefined where that is not known. */
  servingCommit(service: ServiceKey): string | undefined;
  /** Those that are kept, oldest first. */
  releases(service: ServiceKey): readonly Release[];
  /** The release that served last before the present one and is not known to fail. */
  lastGood(service: ServiceKey): number | undefined;
  /**
   * Forgets all but the newest `keep` releases (10 without it), and old rollouts with them; never a release that serves,
   * the last good one, a warm one or one of the running rollout. Returns the numbers that are gone.
   */
  pruneReleases(service: ServiceKey, keep?: number): readonly number[];
  /** Image digests that kept releases use, each with those releases in words. */
  imagesInUse(): ReadonlyMap<ImageDigest, readonly string[]>;
  readonly secrets: SecretStore;
  readonly access: AccessStore;
  /** Of a configuration file that a kept release has, by its digest. Throws `state_corrupt`. */
  content(digest: string): Uint8Array;
  /** Keeps the newest 20 of each release. A failure that is already known changes nothing. */
  recordFailure(service: ServiceKey, failure: ServerFailure): void;
  /** What was noticed of servers since the last look, in one transaction. */
  recordServers(news: readonly NewEvent[], failures: readonly (readonly [ServiceKey, ServerFailure])[]): void;
  /** Of one release, or of all that are kept; oldest first. */
  failures(service: ServiceKey, release?: number): readonly ServerFailure[];
  /**
   * Adds to what is known of releases' traffic, and remembers the counters it was computed from. It is bounded: minutes
   * become hours after two days, hours are forgotten after 400 days. No event reports it.
   */
  recordTraffic(target: TargetName, spans: readonly TrafficSpan[], counters: readonly TrafficCounter[]): void;
  /** The counters of the target that were given last. */
  trafficReading(target: TargetName): readonly TrafficCounter[];
  /** What is known of a service's traffic within these moments, by minute or hour and release; oldest first. */
  traffic(
    service: ServiceKey,
    within: { readonly sinceMs: number; readonly untilMs: number },
  ): readonly TrafficSpan[];
  /** For what happened outside the recorded state. */
  appendEvent(event: NewEvent): KilnEvent;
  readonly log: LogOfStore;
  /** Oldest first. */
  events(query?: EventQuery): readonly KilnEvent[];
  /** The sequence number of the newest event; 0 when there is none. */
  lastSequence(): number;
  /** Calls the listener with every event once it is on the disk, until disposed. */
  subscribe(listener: EventListener): Disposable;
  close(): void;
}

/** The event log itself: its chain, and what it reports of itself. */
export interface LogOfStore {
  /** Where it is known to end. */
  end(): LogMark;
  /** The log is known to reach at least this entry: an earlier end is reported as a loss. */
  expect(mark: LogMark): void;
  /** Looks whether another program has changed it; then the log records that as an event. */
  look(): void;
  /** Adds an event that is made from the place of the one before it. */
  appendAfter(make: (last: LogMark) => NewEvent): KilnEvent;
  /** The newest event of a kind `audit....`. */
  newest(kind: `audit.${string}`): KilnEvent | undefined;
  /** All of them, oldest first. */
  all(kind: `audit.${string}`): readonly KilnEvent[];
  /** The first entry that was altered; undefined when the chain holds. */
  check(): ChainFinding | undefined;
  /** What the newest `count` entries alone show, with checkpoints for them. */
  checkTail(count: number, checkpoints: readonly Checkpoint[]): Replayed;
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
  const changing = <Result>(work: () => Result) => db.transaction(work);
  const store: Store = {
    desired: (service) => selectDesired(db, service),
    desiredAll: () => selectAllDesired(db),
    policy: (service) => selectService(db, service)?.policy,
    targetOf: (service) => selectService(db, service)?.target,
    targets: () => selectTargets(db),
    target: (name) => requireTarget(db, name),
    addTarget: (target, by) => changing(() => insertTarget(bench, target, by)),
    removeTarget: (name, by) => changing(() => deleteTarget(bench, name, by)),
    trustedKeys: () => selectTrustedKeys(db),
    addTrustedKey: (key, by) => changing(() => insertTrustedKey(bench, key, by)),
    revokeTrustedKey: (name, reason, by) => changing(() => revokeTrustedKey(bench, name, reason, by)),
    imagePolicies: () => selectImagePolicies(db),
    revocations: () => selectRevocations(db),
    revokeImage: (asked, by) => changing(() => insertRevocation(bench, asked, by)),
    unrevokeImage: (digest, by) => changing(() => deleteRevocation(bench, digest, by)),
    channelHistory: () => selectChannelHistory(db),
    removeChannel: (channel, by) => changing(() => deleteChannel(bench, channel, by)),
    setChannel: (to, by) => changing(() => insertChannel(bench, to, by)),
    setImagePolicy: (policy, by) => changing(() => setImagePolicy(bench, policy, by)),
    removeImagePolicy: (target, by) => changing(() => deleteImagePolicy(bench, target, by)),
    policies: openPolicies(bench),
    webhooks: openWebhooks(bench, keyFileBeside(path)),
    draftRelease: (service, draft, createdBy) => draftRelease(bench, service, draft, createdBy),
    requireWay: (service, supersede) => requireWay(bench, service, supersede),
    rehearse: (work) => db.rehearsal(() => work(store)),
    startDeploy: (start) => changing(() => startDeploy(bench, start)),
    startRollback: (start) => changing(() => startRollback(bench, start)),
    setCount: (service, count, by) => changing(() => setCount(bench, service, count, by)),
    setPolicy: (service, policy, by) => changing(() => setPolicy(bench, service, policy, by)),
    setUpkeep: (service, upkeep, by) => changing(() => setUpkeep(bench, service, upkeep, by)),
    taint: (taint) => changing(() => insertTaint(bench, taint)),
    takeTainted: (server) => changing(() => takeTainted(bench, server)),
    recordEvidence: (evidence, reason) => changing(() => recordEvidence(bench, evidence, reason)),
    openSession: (session) => changing(() => insertSession(bench, session)),
    endSession: (id, end) => changing(() => deleteSession(bench, id, end)),
    sessions: () => selectSessions(db),
    decided: (service, spec) => selectDecided(db, service, spec),
    decideTimes: (times) => changing(() => decideTimes(bench, times)),
    keepSchedules: (service, names) => changing(() => keepSchedules(db, service, names)),
    askRun: (asked, by) => changing(() => insertAsked(bench, asked, by)),
    taints: (service) => selectTaints(db, service),
    markRemoved: (service, by) => changing(() => markRemoved(bench, service, by)),
    apply: (service, change, reason) => changing(() => applyChange(bench, service, change, reason)),
    latestMoment: () => selectLatestMoment(db),
    moveMoments: (byMs, what) => changing(() => moveMoments(bench, byMs, what)),
    abort: (service, by) => changing(() => abort(bench, service, by)),
    pause: (service, by) => changing(() => pause(bench, service, by)),
    resume: (service, by) => changing(() => resume(bench, service, by)),
    promote: (service, by) => changing(() => promote(bench, service, by)),
    rollout: (id) => selectRollout(db, id),
    rollouts: (service, limit = 100) => selectRollouts(db, service, limit),
    servingCommit: (service) => {
      const { serving } = selectService(db, service) ?? {};
      return serving === undefined ? undefined : selectCommit(db, service, serving);
    },
    releases: (service) => selectReleases(db, service),
    lastGood: (service) => selectLastGood(db, service),
    pruneReleases: (service, keep = keptReleases) => changing(() => prune(bench, service, keep)),
    imagesInUse: () => selectImagesInUse(db),
    secrets: openSecrets(bench, keyFileBeside(path)),
    access: openAccess(bench),
    content: (digest) => selectContent(db, digest),
    recordFailure: (service, failure) => changing(() => recordFailure(bench, service, failure)),
    recordServers: (news, failures) => changing(() => recordServers(bench, news, failures)),
    failures: (service, release) => selectFailures(db, service, release),
    recordTraffic: (target, spans, counters) =>
      changing(() => recordTraffic(db, target, spans, counters, clock.now())),
    trafficReading: (target) => selectReading(db, target),
    traffic: (service, within) => selectTraffic(db, service, within),
    appendEvent: (event) => changing(() => log.append(event)),
    events: (query = {}) => selectEvents(db, query),
    lastSequence: () => selectLast(db).sequence,
    subscribe: (listener) => log.subscribe(listener),
    log: {
      end: () => log.end,
      expect: (mark) => log.expect(mark),
      look: () => changing(() => log.look()),
      appendAfter: (make) => changing(() => log.appendAfter(make)),
      newest: (kind) => selectNewestAudit(db, kind),
      all: (kind) => selectAudit(db, kind),
      check: () => checkChain(db),
      checkTail: (count, checkpoints) => checkTail(db, count, checkpoints),
    },
    close: () => db.close(),
    [Symbol.dispose]: () => db.close(),
  };
  return store;
}
