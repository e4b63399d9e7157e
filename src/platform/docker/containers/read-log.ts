import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { LogLine, LogReader } from "../../contract/reading.ts";
import type { DockerContext } from "../context.ts";
import { logLines } from "./logs.ts";

/** See `LogReader.read`. */
export async function* readContainerLog(
  { engine, records }: DockerContext,
  id: ServerId,
  { tail, follow = false }: Parameters<LogReader["read"]>[1],
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const record = records.read(id);
  if (record === undefined) throw new KilnError("server_unknown", `There is no server ${id}.`);
  if (record.container === undefined) return;
  const query = {
    ...{ stdout: "1", stderr: "1", timestamps: "1", tail: tail === undefined ? "all" : String(tail) },
    ...(follow ? { follow: "1" } : {}),
  };
  const path = `/containers/${record.container}/logs`;
  const answer = await engine.stream({ path, query, accept: [404], signal });
  if (answer.statusCode === 404) return void answer.resume();
  try {
    yield* logLines(answer);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    answer.destroy();
  }
}
