import type { ReproductionStatus, ServerStatus } from "../../api.ts";
import { conditionOf, isWell } from "../../condition.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";
import { findService, type ServiceOptions } from "../../project.ts";
import { requireStatus, statusOf } from "../../services.ts";
import { silentLines } from "./status.ts";

export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const key = await findService(context.cwd, options, service);
  const client = await context.connect();
  const one = service === undefined ? statusOf : requireStatus;
  const statuses = key === undefined ? await client.services() : [await one(client, key)];
  const servers = statuses.flatMap((status) => status?.servers ?? []);
  const copies = statuses.flatMap((status) => status?.reproductions ?? []);
  const { style } = context.output;
  const silent = silentLines(
    statuses.flatMap((status) => status ?? []),
    style,
  );
  const lines = [...serverLines(servers, context.clock.now(), style, copies), ...silent];
  context.output.result([...servers, ...copies], lines);
  return 0;
}

/** One line per server, then one per reproduction. */
export function serverLines(
  servers: readonly ServerStatus[],
  nowMs: number,
  style: Style,
  copies: readonly ReproductionStatus[] = [],
): string[] {
  if (servers.length + copies.length === 0) return ["No servers."];
  const rows = servers.map((server) => [
    server.id,
    isWell(server) ? style.good(server.state) : style.warn(server.state),
    `${server.release}`,
    server.version,
    server.address ?? "-",
    server.inTraffic ? "yes" : "no",
    formatAge(nowMs - server.createdAtMs),
    conditionOf(server),
  ]);
  rows.push(...copies.map((copy) => copyRow(copy, nowMs, style)));
  return table(["SERVER", "STATE", "RELEASE", "VERSION", "ADDRESS", "TRAFFIC", "AGE", "CONDITION"], rows);
}

function copyRow(copy: ReproductionStatus, nowMs: number, style: Style): string[] {
  const { id, state, release, version, address = "-", createdAtMs, reproduces, reason } = copy;
  const note = `reproduction of ${reproduces}${reason === undefined ? "" : `; ${reason}`}`;
  const age = formatAge(nowMs - createdAtMs);
  return [id, style.warn(state), `${release}`, version, address, "no", age, plainText(note)];
}
