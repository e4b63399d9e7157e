import { z } from "zod";
import type { ServerId } from "../../../domain/ids.ts";
import { inParallel } from "../../../lib/in-parallel.ts";
import type { Call } from "../../contract/call.ts";
import type { ServerUsage } from "../../contract/reading.ts";
import type { DockerContext } from "../context.ts";

/** Docker Engine API, "ContainerStats"; empty for a container that has stopped. */
const stats = z.object({
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number().optional() }).optional() }).optional(),
  memory_stats: z
    .object({ usage: z.number().optional(), stats: z.record(z.string(), z.number()).optional() })
    .optional(),
});

const atOneTime = 8;

/** What the engine counts for containers. */
export async function containerUsage(
  { engine, records }: DockerContext,
  servers: readonly ServerId[],
  { signal }: Call,
): Promise<ReadonlyMap<ServerId, ServerUsage>> {
  const asked = servers.flatMap((id) => {
    const container = records.read(id)?.container;
    return container === undefined ? [] : [{ id, container }];
  });
  const found = await inParallel(asked, atOneTime, async ({ id, container }) => {
    const path = `/containers/${container}/stats`;
    const query = { stream: "0", "one-shot": "1" };
    const answer = await engine.read({ path, query, accept: [404], signal }, stats);
    const usage = answer === undefined ? undefined : usageOf(answer);
    return usage?.memoryBytes === undefined ? [] : [[id, usage] as const];
  });
  return new Map(found.flat());
}

/** As `docker stats` counts memory: without the file cache that the kernel gives back without harm. */
function usageOf({ cpu_stats, memory_stats }: z.infer<typeof stats>): ServerUsage {
  const nanos = cpu_stats?.cpu_usage?.total_usage;
  const { usage, stats: more = {} } = memory_stats ?? {};
  const cache = more.total_inactive_file ?? more.inactive_file ?? 0;
  return {
    cpuMs: nanos === undefined ? undefined : nanos / 1e6,
    memoryBytes: usage === undefined ? undefined : Math.max(0, usage - cache),
  };
}
