import { Readable } from "node:stream";
import { KilnError } from "../lib/errors.ts";
import type { Clock } from "../lib/time/clock.ts";
import { systemClock } from "../lib/time/clock.ts";
import type { Client } from "./api.ts";
import type { Input } from "./context.ts";
import type { Sink } from "./output/sink.ts";
import { runCli } from "./run.ts";

/** The result of one command line. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, with a controller that has only the given operations. */
export async function cli(
  argv: readonly string[],
  options: {
    readonly client?: Partial<Client>;
    readonly cwd?: string;
    readonly home?: string;
    readonly clock?: Clock;
    readonly signal?: AbortSignal;
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin?: string | Input;
  } = {},
): Promise<CliResult> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(argv, {
    env: { KILN_HOME: options.home ?? "/nowhere/kiln", ...options.env },
    stdin: () => (typeof options.stdin === "object" ? options.stdin : Readable.from([options.stdin ?? ""])),
    cwd: () => options.cwd ?? "/nowhere",
    stdout: sink(out),
    stderr: sink(err),
    clock: options.clock ?? systemClock,
    signal: options.signal ?? new AbortController().signal,
    connect: async () => fakeClient(options.client ?? {}),
  });
  return { code, stdout: out.join(""), stderr: err.join("") };
}

function sink(into: string[]): Sink {
  return { write: (piece) => into.push(typeof piece === "string" ? piece : Buffer.from(piece).toString()) };
}

/** An event log without problems. */
const audit: Client["audit"] = async () => ({
  entries: 0,
  checkpoint: undefined,
  key: undefined,
  troubles: [],
});

/** The status of one of the given services. */
function statusAmong(services: Client["services"] = async () => []): Client["status"] {
  return async ({ service }) => {
    const found = (await services()).find((status) => status.service === service);
    if (found !== undefined) return found;
    throw new KilnError("service_unknown", `There is no service ${service}.`);
  };
}

/** Operations that were not given throw when they are called. */
function fakeClient(given: Partial<Client>): Client {
  const operations: Partial<Client> = { audit, status: statusAmong(given.services), ...given };
  return new Proxy(operations, {
    get: (target, name: keyof Client) =>
      name in target || String(name) === "then" // read from every value that a promise resolves to
        ? target[name]
        : () => {
            throw new KilnError("internal", `The test's client has no ${String(name)}.`);
          },
  }) as Client;
}
