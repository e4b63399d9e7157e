import { statedHeader } from "../contract/contract.ts";
import type { Guard } from "../contract/guard.ts";
import { actorOf } from "./actor.ts";

/** For the controller's Unix socket: who can open it may do everything. */
export const socketGuard: Guard = {
  serves: () => true,
  admit: (request) => ({
    actor: () => actorOf(request.socket, request.headers[statedHeader]),
    requireMay: async () => {},
    requireMayExchange: () => {},
    sees: () => true,
    openStream: () => ({ ended: undefined, [Symbol.dispose]: () => {} }),
  }),
};
