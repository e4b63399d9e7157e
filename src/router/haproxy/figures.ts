import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { UpstreamCounts } from "../router.ts";
import { backendName } from "./config/names.ts";
import { parseCounts, parseOpenSessions } from "./process/replies.ts";
import { ask } from "./process/socket.ts";
import { responseTimesTable } from "./response-times.ts";
import { observe, type RouterContext } from "./running.ts";

/** Connections to one upstream. Workers that leave after a reload still have connections to the upstream, so they are asked too. */
export async function openSessions(
  service: ServiceKey,
  upstream: ServerId,
  context: RouterContext,
): Promise<number> {
  const { paths, signal } = context;
  const leaving = (await observe(context))?.processes.leaving ?? [];
  const counts = (["http", "tcp"] as const).flatMap((mode) => {
    const backend = backendName(service, mode);
    const question = `show stat ${backend} 4 -1`; // 4: servers; -1: all of them
    const replies = [
      ask(paths.runtimeSocket, [question], signal),
      ...leaving.map((pid) => ask(paths.masterSocket, [`@!${pid} ${question}`], signal)),
    ];
    return replies.map(async (reply) => parseOpenSessions((await reply) ?? "", backend, upstream));
  });
  return (await Promise.all(counts)).reduce((sum, open) => sum + open, 0);
}

/** Read without waiting for a turn: reading changes nothing, and an old figure does no harm. */
export async function counts(
  service: ServiceKey | undefined,
  { paths, signal }: RouterContext,
): Promise<readonly UpstreamCounts[]> {
  const backend = service === undefined ? undefined : backendName(service, "http");
  const [csv, table] = await Promise.all([
    ask(paths.runtimeSocket, [`show stat ${backend ?? -1} 4 -1`], signal),
    ask(paths.runtimeSocket, [`show table ${responseTimesTable}`], signal),
  ]);
  return parseCounts(csv ?? "", table ?? "", backend);
}
