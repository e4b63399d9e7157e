import { latencyBoundsMs } from "../../../domain/traffic/latency.ts";
import { previewedBy } from "../../preview-key.ts";
import type { UpstreamCounts } from "../../router.ts";

/** A server as the running HAProxy has it. */
export interface LiveServer {
  readonly backend: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** Passing its checks, or not checked. */
  readonly up: boolean;
  /** Taken out by us, waiting to be deleted. */
  readonly maintenance: boolean;
}

/** `srv_admin_state`: forced maintenance, or maintenance by configuration (Management Guide, "show servers state"). */
const maintenanceBits = 0x01 | 0x04;

/** Reads the answer to `show servers state` (Management Guide, section 9.3; format version 1). */
export function parseServers(reply: string): readonly LiveServer[] {
  const lines = reply.split("\n");
  const header = lines.find((line) => line.startsWith("# be_id"));
  const columns = header?.slice(2).split(" ") ?? [];
  return lines
    .filter((line) => /^\d+ \S+ \d+ /.test(line))
    .map((line) => {
      const values = line.split(" ");
      const at = (column: string) => values[columns.indexOf(column)] ?? "";
      return {
        backend: at("be_name"),
        name: at("srv_name"),
        address: at("srv_addr"),
        port: Number(at("srv_port")),
        weight: Number(at("srv_uweight")),
        up: Number(at("srv_op_state")) !== 0,
        maintenance: (Number(at("srv_admin_state")) & maintenanceBits) !== 0,
      };
    });
}

/** The processes that answer on the master socket. */
export interface Processes {
  readonly master: number;
  /** The worker that takes new connections; undefined while none does. */
  readonly worker: number | undefined;
  /** Workers that only finish what they have. */
  readonly leaving: readonly number[];
  readonly reloads: number;
  readonly failedReloads: number;
}

/** Reads the answer to `show proc` (Management Guide, section 9.4.1); undefined when it is none. */
export function parseProcesses(reply: string): Processes | undefined {
  const master = /^(\d+)\s+master\s+(\d+) \[failed: (\d+)\]/m.exec(reply);
  if (!master) return undefined;
  const [current = "", old = ""] = reply.split("# old workers");
  const workers = (text: string) => [...text.matchAll(/^(\d+)\s+worker\s/gm)].map((m) => Number(m[1]));
  return {
    master: Number(master[1]),
    worker: workers(current)[0],
    leaving: workers(old),
    reloads: Number(master[2]),
    failedReloads: Number(master[3]),
  };
}

/** Present and waiting sessions of one server in the CSV of `show stat` (Management Guide, section 9.1). */
export function parseOpenSessions(csv: string, backend: string, server: string): number {
  const rows = csv.split("\n").map((line) => line.split(","));
  const header = rows.find((row) => row[0] === "# pxname") ?? [];
  const row = rows.find((r) => r[0] === backend && r[1] === server);
  if (!row) return 0;
  const at = (column: string) => Number(row[header.indexOf(column)] || 0);
  return at("scur") + at("qcur");
}

/**
 * Answers of every server of a backend, or of all except previews, from the CSV of `show stat` (Management Guide,
 * section 9.1) and the counters of `show table` (section 9.3).
 */
export function parseCounts(
  csv: string,
  table: string,
  backend: string | undefined,
): readonly UpstreamCounts[] {
  const rows = csv.split("\n").map((line) => line.split(","));
  const header = rows.find((row) => row[0] === "# pxname") ?? [];
  const classes = new Map(
    [...table.matchAll(/ key=(\S+) .*$/gm)].map(([line, id = ""]) => [id, latencyIn(line)] as const),
  );
  return rows
    .filter(
      ([name = "", server]) =>
        server !== "BACKEND" && (backend === undefined ? isCounted(name) : name === backend),
    )
    .map((row) => {
      const at = (column: string) => Number(row[header.indexOf(column)] || 0);
      const answers = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"].map((kind) => at(`hrsp_${kind}`));
      return {
        id: row[1] ?? "",
        requests: answers.reduce((sum, count) => sum + count, 0),
        errors: at("hrsp_5xx"),
        latency: classes.get(row[1] ?? "") ?? [],
      };
    });
}

function isCounted(backend: string): boolean {
  return backend.startsWith("http:") && previewedBy(backend.slice("http:".length)) === undefined;
}

/** Nothing, of a router that was configured by a Kiln with other classes and has not been reloaded since. */
function latencyIn(line: string): readonly number[] {
  const counts = [...line.matchAll(/ gpc\d+=(\d+)/g)].map((match) => Number(match[1]));
  return counts.length === latencyBoundsMs.length + 1 ? counts : [];
}
