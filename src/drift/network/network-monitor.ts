import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { z } from "zod";
import { toKilnError } from "../../lib/errors.ts";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import { exec } from "../../lib/process/exec.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { DetectorParts } from "../checks/detector.ts";
import { missedNetwork, type WatchGap } from "../gap.ts";
import { lineSplitter } from "../trace/trace-line.ts";
import { filterEventsArgv } from "./filter-events.ts";
import { differenceOf, type NetworkLine, parseNetworkLine } from "./network-line.ts";

/** Between tries to start the program that listens. */
const reopen = { firstMs: 500, mostMs: 60_000 };
/** Numbers of namespaces are looked up at most this often; lines about unknown ones wait, so many at most. */
const lookUp = { everyMs: 1_000, mostLines: 4_096 };

export interface NetworkMonitorParts extends DetectorParts {
  /** Called when something in a server's network namespace changed that /proc shows. */
  readonly changed: (subject: Subject) => void;
  /** Called when a packet filter in a server's network namespace changed, which /proc does not show. */
  readonly filtered: (subject: Subject) => void;
  /** Called when changes may have been missed. */
  readonly missed: (gap: WatchGap) => void;
}

/**
 * Learns from the kernel what changes in servers' network namespaces: rtnetlink(7) reports to one socket on all namespaces that
 * its own has a number for (NETLINK_LISTEN_ALL_NSID), and each that a veth pair leads to gets one. Costs nothing while
 * nothing changes.
 */
export function startNetworkMonitor(parts: NetworkMonitorParts): AsyncDisposable {
  const { clock, log, missed } = parts;
  const stop = new AbortController();
  const lost = (reason: string) => missed({ reason, missed: missedNetwork, ms: lookUp.everyMs });
  const lines = createLineReader({ ...parts, lost, readNumbers }, stop.signal);

  async function run(argv: readonly string[]): Promise<void> {
    let delayMs = reopen.firstMs;
    while (!stop.signal.aborted) {
      const startedMs = clock.elapsed();
      const why = await listen(argv, { read: lines.read, lost, signal: stop.signal });
      if (stop.signal.aborted) return;
      log.warn({ why, program: argv[0] }, "changes of networks are not reported");
      lost(`a process that listens for changes of networks has ended${why === "" ? "" : `: ${why}`}`);
      const wentWell = clock.elapsed() - startedMs > reopen.mostMs;
      delayMs = wentWell ? reopen.firstMs : Math.min(delayMs * 2, reopen.mostMs);
      await clock.sleep(delayMs, stop.signal).catch(() => {});
    }
  }
  const filters = filterEventsArgv();
  const running = [networkEventsArgv, ...(filters === undefined ? [] : [filters])].map(run);

  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([...running, lines[Symbol.asyncDispose]()]);
    },
  };
}

interface LineReaderParts
  extends Pick<NetworkMonitorParts, "inspector" | "clock" | "tell" | "changed" | "filtered"> {
  readonly lost: (reason: string) => void;
  /** What /proc/PID/ns/net of a namespace's processes links to, by the number that lines have. */
  readonly readNumbers: (signal: AbortSignal) => Promise<ReadonlyMap<number, string>>;
}

/** Finds the server that a line is about. */
export function createLineReader(
  { inspector, clock, tell, changed, filtered, lost, readNumbers }: LineReaderParts,
  signal: AbortSignal,
): AsyncDisposable & { read(line: NetworkLine): void } {
  let namespaces: ReadonlyMap<number, string> = new Map();
  let waiting: { readonly line: NetworkLine; readonly atMs: number }[] = [];
  let looking: Promise<void> | undefined;
  /** Since when each server is in sight (`Clock.elapsed`). */
  const since = new WeakMap<Subject, number>();
  const learn = () => {
    namespaces = new Map();
    for (const subject of inspector.subjects()) if (!since.has(subject)) since.set(subject, clock.elapsed());
  };
  learn();
  const learning = inspector.watch(learn);

  function read(line: NetworkLine): void {
    const namespace = namespaces.get(line.nsid);
    if (namespace !== undefined) {
      react(namespace, line, clock.elapsed());
      return;
    }
    if (waiting.length < lookUp.mostLines) waiting.push({ line, atMs: clock.elapsed() });
    else lost("the kernel reported more changes of networks than there was room for");
    looking ??= find().finally(() => {
      looking = undefined;
    });
  }

  /**
   * A line from before the server was in sight is about its making, or about another namespace that had the number before:
   * what is there now is looked at, and nothing is concluded from the line itself.
   */
  function react(namespace: string, line: NetworkLine, atMs: number): void {
    const subject = inspector.subjects().find(({ baseline }) => baseline.namespaces.net === namespace);
    if (subject?.network === undefined) return;
    if (line.about === "FILTER") {
      filtered(subject);
      return;
    }
    const isOfIt = atMs > (since.get(subject) ?? Number.POSITIVE_INFINITY);
    const difference = isOfIt ? differenceOf(line, subject.network) : undefined;
    if (difference) tell(subject, difference);
    changed(subject);
  }

  /** A namespace without a name by then is not a server's. */
  async function find(): Promise<void> {
    while (waiting.length > 0 && !signal.aborted) {
      const found = await readNumbers(signal).catch((error) => {
        if (!signal.aborted) lost(toKilnError(error).message);
        return new Map<number, string>();
      });
      namespaces = found;
      const lines = waiting;
      waiting = [];
      for (const { line, atMs } of lines) {
        const namespace = found.get(line.nsid);
        if (namespace !== undefined) react(namespace, line, atMs);
      }
      await clock.sleep(lookUp.everyMs, signal).catch(() => {});
    }
  }

  return {
    read,
    async [Symbol.asyncDispose]() {
      learning[Symbol.dispose]();
      await looking;
    },
  };
}

const networkEventsArgv = [
  ...["stdbuf", "--output=L", "ip", "-oneline", "monitor"],
  ...["link", "address", "route", "rule", "netconf", "label", "all-nsid"],
];

interface Listening {
  readonly read: (line: NetworkLine) => void;
  readonly lost: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Resolves when the program that listens has ended, to what it said last. Ends with this process, however that ends. */
async function listen(argv: readonly string[], { read, lost, signal }: Listening): Promise<string> {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...argv], {
    ...{ stdio: ["ignore", "pipe", "pipe"], env: cleanEnvironment },
  });
  const gone = once(child, "close").catch(() => {});
  if (child.pid === undefined) return "it cannot be started";
  try {
    setPriority(child.pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // not allowed here: then it waits for its turn
  }
  const end = () => child.kill("SIGKILL");
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const split = lineSplitter();
  child.stdout.setEncoding("latin1").on("data", (chunk: string) => {
    for (const line of split(chunk)) {
      const parsed = parseNetworkLine(line);
      if (parsed) read(parsed);
    }
  });
  let said = "";
  child.stderr.setEncoding("latin1").on("data", (chunk: string) => {
    said = chunk.trim().slice(0, 200);
    if (chunk.includes("netlink receive error"))
      lost("the kernel had no room for all changes of networks that it reports");
  });
  await gone;
  signal.removeEventListener("abort", end); // it outlives many of them
  return said;
}

const numbersSchema = z.array(z.object({ nsid: z.int(), name: z.string().optional() }));

/** Of namespaces that have a name, ip-netns(8): what a process in them has for /proc/PID/ns/net, by number. */
async function readNumbers(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
  const { stdout } = await exec(["ip", "-json", "netns", "list-id"], { signal });
  const numbers = numbersSchema.parse(JSON.parse(stdout.trim() || "[]"));
  return new Map(
    numbers.flatMap(({ nsid, name }) => {
      const inode = name && statSync(`/run/netns/${name}`, { throwIfNoEntry: false })?.ino;
      return inode ? [[nsid, `net:[${inode}]`] as const] : [];
    }),
  );
}
