import type { JobId, ServerId } from "../../../domain/ids.ts";
import type { Background } from "../background.ts";
import type { Host } from "../host.ts";

const tailLines = 20;
const tailTimeoutMs = 1000;

/** What helps to understand an end must not hold it up: none rather than late. */
export async function lastLines(
  host: Host,
  background: Background,
  id: ServerId | JobId,
): Promise<readonly string[]> {
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, background.signal]);
  const lines: string[] = [];
  const read = async () => {
    if (host.logs === undefined) return;
    for await (const { text } of host.logs.read(id, { tail: tailLines }, signal)) lines.push(text);
  };
  const late = background.clock.sleep(tailTimeoutMs, signal);
  await Promise.race([read(), late]).catch(() => {});
  late.catch(() => {});
  end.abort();
  return lines.slice(-tailLines);
}
