import type { RequestListener, Server } from "node:http";
import type { Guard } from "../api/contract/guard.ts";
import type { Operations } from "../api/contract/types.ts";
import type { ServiceKey } from "../domain/ids.ts";
import type { Logger } from "../lib/log.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { Store } from "../store/store.ts";
import { RemoteGuard } from "./guard.ts";
import { NetworkListener, type ServedApi } from "./network.ts";
import { type AccessOperations, createAccessOperations } from "./operations.ts";
import { createOwners } from "./owners.ts";
import { createPushOperations, type PushOperations } from "./pushes/operations.ts";
import { createPushReceiver, type ReceivePush } from "./pushes/receiver.ts";
import { Revocations } from "./revocations.ts";

export interface AccessOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the authority for the network is kept. */
  readonly folder: string;
  /** Asked what servers and images belong to. */
  readonly operations: Pick<Operations, "services" | "images">;
  /** Looks at the repository of this service, and of others that follow the same one; returns all of them. */
  readonly look: (service: ServiceKey) => readonly ServiceKey[];
  readonly createApi: (parts: {
    readonly guard: Guard;
    readonly pushes: ReceivePush;
    readonly server: (handler: RequestListener) => Server;
  }) => Promise<ServedApi>;
}

export interface RemoteAccess {
  readonly operations: AccessOperations & PushOperations;
  /** Listens for the network if it is to. Never throws. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Who may ask over the network, and the way in. */
export function createAccess(options: AccessOptions): RemoteAccess {
  const { store, clock, log, folder, look, createApi } = options;
  const revocations = new Revocations();
  const owners = createOwners(store, options.operations);
  const guard = new RemoteGuard({ store, clock, owners, revocations, allowed: () => store.access.places() });
  const pushes = createPushReceiver({ store, clock, look });
  const network = new NetworkListener({
    folder,
    clock,
    log,
    createApi: (server) => createApi({ guard, pushes, server }),
  });
  return {
    operations: {
      ...createAccessOperations({ store, clock, network, revocations }),
      ...createPushOperations(store, network),
    },
    start: async () => {
      const listener = store.access.listener();
      if (listener !== undefined) await network.keepListening(listener);
    },
    close: () => network.close(),
  };
}
