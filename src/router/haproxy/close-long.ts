import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import { isDue, isOverdue, longConnections, passedOn } from "./long-connections.ts";
import { type ProcessContext, processes } from "./process/process.ts";
import { ask } from "./process/socket.ts";

/** A connection over which nothing came for so long is taken to be between two messages. */
const quietMs = 100;

interface Asked {
  readonly service: ServiceKey;
  readonly upstream: ServerId;
  readonly progress: number;
}

/** What `Router.closeLong` promises, also for connections of workers that leave after a reload. */
export async function closeLong(asked: Asked, context: ProcessContext): Promise<void> {
  const { runtimeSocket, masterSocket } = context.paths;
  const leaving = (await processes(context))?.leaving ?? [];
  const places = [
    { socket: runtimeSocket, prefix: "" },
    ...leaving.map((pid) => ({ socket: masterSocket, prefix: `@!${pid} ` })),
  ];
  await Promise.all(places.map((place) => closeIn(place, asked, context)));
}

/** One command at a time: on the master socket a prefix counts for all that follows on its line. */
async function closeIn(
  { socket, prefix }: { readonly socket: string; readonly prefix: string },
  { service, upstream, progress }: Asked,
  { clock, signal }: ProcessContext,
): Promise<void> {
  const say = async (command: string) => (await ask(socket, [prefix + command], signal)) ?? "";
  const bytesOf = async (session: string) => passedOn(await say(`show sess ${session}`));
  const long = longConnections(await say("show sess"), service, upstream);
  const due = long.filter((session) => isDue(session, progress));
  const before = new Map<string, string | undefined>();
  for (const session of due) before.set(session, await bytesOf(session));
  if (due.length > 0) await clock.sleep(quietMs, signal);
  for (const session of due) {
    const now = await bytesOf(session);
    // Another one may have come to its address since.
    if (now === undefined) continue;
    if (now === before.get(session) || isOverdue(session, progress)) await say(`shutdown session ${session}`);
  }
}
