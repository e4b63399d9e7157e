import { z } from "zod";
import type { HostServer } from "../../fleet/host.ts";
import { recordBase } from "../../fleet/records.ts";
import type { InspectedContainer } from "../engine/answers.ts";

export const containerRecordSchema = recordBase.extend({
  address: z.string(),
  gateway: z.string(),
  user: z.object({ uid: z.int(), gid: z.int() }),
  /** The engine's id of its container. Absent until that was made. */
  container: z.string().optional(),
  /** Its command was started. */
  started: z.boolean().optional(),
  /** When someone was first let in: from then on no detector looks at it. */
  openedAtMs: z.number().optional(),
});

/** What the Docker host remembers of a server: labels of a container cannot be changed once it is made. */
export type ContainerRecord = Readonly<z.infer<typeof containerRecordSchema>>;

export type ContainerExit = NonNullable<ContainerRecord["exit"]>;

/** How it has ended, or undefined: it runs, or may still be started. What the engine removes unstarted ends at `nowMs`. */
export function exitOf(found: InspectedContainer, nowMs: number): ContainerExit | undefined {
  const { State } = found;
  if (!["exited", "dead", "removing"].includes(State.Status)) return undefined;
  if (!wasStarted(found)) return { atMs: nowMs, oomKilled: false };
  return { code: State.ExitCode, atMs: Date.parse(State.FinishedAt), oomKilled: State.OOMKilled };
}

/** Whether its command was ever started: the engine gives the year 1 where it was not. */
export function wasStarted({ State }: InspectedContainer): boolean {
  return Date.parse(State.StartedAt) > 0;
}

/** The server as its record says it is. */
export function hostServer(record: ContainerRecord): HostServer {
  const { id, release, createdAtMs, user, quarantinedAtMs, retiredAtMs, exit, started, address, gateway } =
    record;
  return {
    ...{ id, release, createdAtMs, user, quarantinedAtMs, retiredAtMs, reachedFrom: gateway },
    state: exit ? "exited" : started ? "running" : "creating",
    address: exit ? undefined : address,
    exit: exit && { code: exit.code, atMs: exit.atMs, oomKilled: exit.oomKilled },
  };
}
