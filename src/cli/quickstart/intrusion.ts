import { spawn } from "node:child_process";
import { join } from "node:path";
import { z } from "zod";
import { KilnError } from "../../lib/errors.ts";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import { exec } from "../../lib/process/exec.ts";
import type { Client, EvidenceReport, KilnEvent } from "../api.ts";
import type { Context } from "../context.ts";
import { plainText, table } from "../output/text.ts";
import { formatBytes, plural } from "../output/units.ts";
import { statusOf } from "../services.ts";

/** The result of entering a running server by hand. Times count from just before the intruder's command was started. */
export interface Intrusion {
  readonly server: string;
  readonly command: readonly string[];
  readonly foundMs: number;
  /** `trace`: kernel events; `scan`: a check each second. */
  readonly seenBy: string;
  /** Frozen, and marked for good. */
  readonly frozenMs: number;
  readonly replacedMs: number;
  readonly replacedBy: string;
  readonly evidenceMs: number;
  readonly goneMs: number;
  readonly evidence: Pick<EvidenceReport, "taint" | "who" | "digest" | "bytes"> & {
    readonly processes: number;
  };
}

/** Detection takes a second without kernel events; then a server starts. */
const limitMs = 60_000;
/** Longer than the intruder lives. */
const staySeconds = "600";

/**
 * Enters a server that serves, as anyone with root on the machine can, and follows in the event log what Kiln does about it.
 * Throws `timed_out` when part of the response is missing.
 */
export async function intrude(context: Context, client: Client, service: string): Promise<Intrusion> {
  const server = await someServer(client, service);
  const pid = await firstProcess(context, server);
  const [program, ...args] = ["nsenter", `--target=${pid}`, "--net", "--ipc", "sleep", staySeconds] as const;
  const sinceMs = context.clock.now();
  const intruder = spawn(program, args, { env: cleanEnvironment, stdio: "ignore" });
  try {
    const told = await followResponse(context, client, { service, server, sinceMs });
    const { taint, who, digest, bytes, processes } = await client.evidenceOf({ server });
    const after = (event: KilnEvent) => event.atMs - sinceMs;
    return {
      server,
      command: [program, ...args],
      foundMs: taint.atMs - sinceMs,
      seenBy: String(told.found.data.seenBy),
      frozenMs: after(told.tainted),
      replacedMs: after(told.ready),
      replacedBy: String(told.ready.data.server),
      evidenceMs: after(told.kept),
      goneMs: after(told.destroyed),
      evidence: { taint, who, digest, bytes, processes: processes.length },
    };
  } finally {
    intruder.kill("SIGKILL");
  }
}

async function someServer(client: Client, service: string): Promise<string> {
  const servers = (await statusOf(client, service))?.servers ?? [];
  const found = servers.find(({ state, inTraffic }) => state === "ready" && inTraffic);
  if (found !== undefined) return found.id;
  throw new KilnError("server_failed", `No server of ${service} serves.`);
}

const runcState = z.object({ pid: z.int() });

/** The way an intruder finds the server: by asking the container runtime. */
async function firstProcess({ state, signal }: Context, server: string): Promise<number> {
  const root = join(state.home, "servers/.host/runc");
  const { stdout } = await exec(["runc", `--root=${root}`, "state", server], { signal });
  return runcState.parse(JSON.parse(stdout)).pid;
}

/** The events of the response, in any order. */
interface Response {
  readonly found: KilnEvent;
  readonly tainted: KilnEvent;
  readonly kept: KilnEvent;
  readonly ready: KilnEvent;
  readonly destroyed: KilnEvent;
}

async function followResponse(
  context: Context,
  client: Client,
  {
    service,
    server,
    sinceMs,
  }: { readonly service: string; readonly server: string; readonly sinceMs: number },
): Promise<Response> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(limitMs)]);
  const seen: Partial<Record<keyof Response, KilnEvent>> = {};
  try {
    for await (const event of client.events({ service, sinceMs, follow: true }, { signal })) {
      const part = partOf(event, server);
      if (part !== undefined) seen[part] ??= event;
      const { found, tainted, kept, ready, destroyed } = seen;
      if (found && tainted && kept && ready && destroyed) return { found, tainted, kept, ready, destroyed };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  context.signal.throwIfAborted();
  const missing = (["found", "tainted", "kept", "ready", "destroyed"] as const).filter((part) => !seen[part]);
  throw new KilnError(
    "timed_out",
    `${server} was entered by hand, and ${limitMs / 1000} s later it is still not ${missing.join(", ")}.`,
    { hint: "`kiln doctor` shows how soon Kiln can detect on this machine that a server was entered." },
  );
}

const kinds: Readonly<Record<string, keyof Response>> = {
  "drift.found": "found",
  "server.tainted": "tainted",
  "evidence.kept": "kept",
  "server.destroyed": "destroyed",
};

/** `ready` belongs to the server that takes the place. */
function partOf({ kind, data }: KilnEvent, server: string): keyof Response | undefined {
  if (kind === "server.ready") return "ready";
  if (data.server !== server) return undefined;
  return kinds[kind];
}

/** What the quickstart shows, one line per event. */
export function intrusionLines(intrusion: Intrusion): string[] {
  const { server, command, evidence, replacedBy, seenBy } = intrusion;
  const { taint, who = "unknown", bytes, processes } = evidence;
  const rows: readonly (readonly [number, string])[] = [
    [intrusion.foundMs, `found: ${plainText(taint.detail)}`],
    [intrusion.frozenMs, `${server} is frozen and marked, and gets no more requests`],
    [intrusion.replacedMs, `${replacedBy} is ready in its place`],
    [
      intrusion.evidenceMs,
      `evidence kept: ${plural(processes, "process", "processes")}, ${formatBytes(bytes)}`,
    ],
    [intrusion.goneMs, `${server} and the intruder's process are destroyed`],
  ];
  return [
    `  $ ${command.join(" ")}`,
    ...table(
      [],
      rows.toSorted(([a], [b]) => a - b).map(([ms, what]) => [`${ms} ms`.padStart(8), what]),
    ),
    `  who: ${plainText(who)}, seen by ${seenBy}`,
  ];
}
