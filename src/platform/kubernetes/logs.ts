import { KilnError } from "../../lib/errors.ts";
import type { LogLine, LogReader } from "../contract/reading.ts";
import { linesOf } from "./client/lines.ts";
import type { Cluster } from "./cluster.ts";

const longestLine = 1 << 20;

/** The kubelet does not say which stream a line came through: it counts as stdout. */
export function logReader(cluster: Cluster): LogReader {
  return {
    async *read(server, { tail, follow }, signal) {
      const call = { signal, deadline: Number.POSITIVE_INFINITY };
      if ((await cluster.pod(server, call)) === undefined)
        throw new KilnError("server_unknown", `There is no server ${server}.`);
      const query = {
        ...{ timestamps: "true", tailLines: tail === undefined ? undefined : String(tail) },
        follow: follow ? "true" : undefined,
      };
      // 400: its container has not been started yet.
      const asked = { path: `${cluster.pathOf("pods", server)}/log`, query, accept: [400, 404] };
      const answer = await cluster.api.stream({ ...asked, lasting: follow === true, signal });
      if (answer.statusCode !== 200) {
        answer.resume();
        return;
      }
      let atMs = 0;
      for await (const text of linesOf(answer, longestLine)) {
        const line = lineOf(text, atMs);
        atMs = line.atMs;
        yield line;
      }
    },
  };
}

/** What has no time of its own is the rest of a line that was too long. */
function lineOf(line: string, beforeMs: number): LogLine {
  const time = /^\d{4}-\d\d-\d\dT\S+ /.exec(line)?.[0];
  if (time === undefined) return { atMs: beforeMs, stream: "stdout", text: line };
  return { atMs: Date.parse(time), stream: "stdout", text: line.slice(time.length) };
}
