import { createInterface } from "node:readline";
import { KilnError } from "../../lib/errors.ts";
import type { LogLine, LogReader } from "../platform.ts";
import type { Cluster } from "./cluster.ts";

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
      const asked = { path: `${cluster.pathOf("pods", server)}/log`, query, accept: [400, 404], signal };
      const answer = await cluster.api.stream(asked);
      if (answer.statusCode !== 200) {
        answer.resume();
        return;
      }
      for await (const line of createInterface({ input: answer })) yield lineOf(line);
    },
  };
}

function lineOf(line: string): LogLine {
  const at = line.indexOf(" ");
  const atMs = Date.parse(line.slice(0, at));
  return { atMs: Number.isNaN(atMs) ? 0 : atMs, stream: "stdout", text: line.slice(at + 1) };
}
