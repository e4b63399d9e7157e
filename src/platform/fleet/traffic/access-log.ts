import type { AccessLog } from "../../../router/router.ts";
import type { AccessLogReader } from "../../contract/reading.ts";
import { parseServerId } from "../server-id.ts";

/** The router's entries, each with the release that its server's id names. */
export function accessLogOf(log: AccessLog): AccessLogReader {
  return {
    async *read(service, how, signal) {
      for await (const entry of log.read(service, how, signal)) {
        const { server } = entry;
        yield { ...entry, release: server === undefined ? undefined : parseServerId(server)?.release };
      }
    },
  };
}
