import type { JobId, ServerId, ServiceKey } from "../../../domain/ids.ts";
import { KilnError, toKilnError } from "../../../lib/errors.ts";
import { inParallel } from "../../../lib/in-parallel.ts";
import type { Client, LogLine } from "../../api.ts";
import type { Context, ExitCode, Outcome } from "../../context.ts";
import { formatTime } from "../../output/units.ts";
import { findService, keyOf, requireService, type ServiceOptions } from "../../project.ts";
import { requireStatus } from "../../services.ts";
import { run as printRequests } from "./access-log.ts";

interface LogsOptions extends ServiceOptions {
  readonly all?: boolean;
  readonly follow?: boolean;
  /** Infinity: all lines. */
  readonly tail?: number;
  readonly since?: (nowMs: number) => number;
  readonly grep?: string;
  readonly timestamps?: boolean;
  readonly job?: string;
  readonly access?: boolean;
}

/** A server or job, or all servers and running jobs of a service. */
type Source = { readonly server: ServerId | JobId } | { readonly service: ServiceKey };

type ServerLine = LogLine & { readonly server: string };

/** With `--follow`, how often to look for new services. */
const lookAgainMs = 2_000;
/** Far fewer streams than a token may have open. */
const atOneTime = 8;
/** Of each server, unless a time or a text says which. */
const usualTail = 100;

export async function run(context: Context, options: LogsOptions, names: readonly string[]): Outcome {
  if (options.access) return printRequests(context, options, names);
  const client = await context.connect();
  try {
    const sources = await namedSources(context, client, options, names);
    const reader = new LogsReader(context, client, options, sources);
    return await (options.follow ? reader.follow() : reader.read());
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  return 0;
}

/** Undefined: all services. */
async function namedSources(
  context: Context,
  client: Client,
  options: LogsOptions,
  names: readonly string[],
): Promise<readonly Source[] | undefined> {
  const { all, job, env } = options;
  if (all && (names.length > 0 || job !== undefined))
    throw new KilnError("usage", "`--all` reads every service; it does not go with a name or `--job`.", {
      hint: "Leave out one of the two.",
    });
  if (all) return undefined;
  if (job !== undefined) return [{ server: await newestRun(context, client, options, job, names) }];
  if (names.length === 0) {
    const service = await findService(context.cwd, options, undefined);
    if (service === undefined) return undefined;
    await requireStatus(client, service);
    return [{ service }];
  }
  const statuses = await client.services();
  const ids = new Set(
    statuses.flatMap(({ servers, jobs, reproductions, failures }) =>
      [servers, jobs, reproductions, failures].flat().map(({ id }) => id),
    ),
  );
  const keys = new Set(statuses.map(({ service }) => service));
  const sources = names.map(async (name): Promise<Source> => {
    if (ids.has(name)) return { server: name };
    const service = names.length === 1 ? await requireService(context.cwd, options, name) : keyOf(name, env);
    if (!keys.has(service)) await requireStatus(client, service);
    return { service };
  });
  return [...new Map((await Promise.all(sources)).map((source) => [nameOf(source), source])).values()];
}

async function newestRun(
  context: Context,
  client: Client,
  options: LogsOptions,
  job: string,
  [name, ...others]: readonly string[],
): Promise<JobId> {
  if (others.length > 0)
    throw new KilnError("usage", "`--job` is the job of one service.", { hint: "Name one service." });
  const { service, jobs } = await requireStatus(client, await requireService(context.cwd, options, name));
  const newest = jobs
    .filter((run) => run.name === job)
    .sort((a, b) => (b.run ?? b.rollout) - (a.run ?? a.rollout))[0];
  if (newest !== undefined) return newest.id;
  const names = [...new Set(jobs.map((run) => run.name))];
  throw new KilnError("server_unknown", `${service} has no kept run of a job ${job}.`, {
    hint:
      names.length === 0 ? "No job of this service has run." : `Jobs with kept runs: ${names.join(", ")}.`,
  });
}

class LogsReader {
  readonly #context: Context;
  readonly #client: Client;
  readonly #options: LogsOptions;
  readonly #named: readonly Source[] | undefined;
  readonly #how: { readonly since?: number; readonly grep?: string; readonly follow?: boolean };

  constructor(context: Context, client: Client, options: LogsOptions, named: readonly Source[] | undefined) {
    const { since, grep, follow } = options;
    this.#context = context;
    this.#client = client;
    this.#options = options;
    this.#named = named;
    this.#how = {
      ...(since === undefined ? {} : { since: since(context.clock.now()) }),
      ...(grep === undefined ? {} : { grep }),
      ...(follow ? { follow } : {}),
    };
  }

  /** What is there, in the order of time. */
  async read(): Promise<ExitCode> {
    const sources = await this.#sources();
    const lines: ServerLine[] = [];
    const read = async (source: Source) => {
      for await (const line of this.#lines(source, this.#tail)) lines.push(line);
    };
    const results = await inParallel(sources, atOneTime, async (source) => {
      const [result] = await Promise.allSettled([read(source)]);
      return result;
    });
    for (const line of lines.sort((a, b) => a.atMs - b.atMs)) this.#print(line);
    return results.reduce<ExitCode>((code, result, i) => {
      const failed = result.status === "rejected" ? this.#failed(sources[i], result.reason) : 0;
      return failed === 0 ? code : failed;
    }, 0);
  }

  /** Lines as they come, until nothing more can come or the signal fires. Of `--all`, new services too. */
  async follow(): Promise<ExitCode> {
    const { clock, signal } = this.#context;
    const reading = new Map<string, Promise<void>>();
    let code: ExitCode = 0;
    let tail = this.#tail;
    const begin = async (source: Source) => {
      try {
        for await (const line of this.#lines(source, tail)) this.#print(line);
        reading.delete(nameOf(source)); // removed; it may come again
      } catch (error) {
        if (!signal.aborted) code = this.#failed(source, error);
      }
    };
    do {
      for (const source of await this.#sources()) {
        const name = nameOf(source);
        if (!reading.has(name)) reading.set(name, begin(source));
      }
      tail = undefined; // of new ones, everything
      if (this.#named !== undefined) await Promise.all(reading.values());
      else await clock.sleep(lookAgainMs, signal);
    } while (this.#named === undefined && !signal.aborted);
    return code;
  }

  get #tail(): number | undefined {
    const { tail, since, grep } = this.#options;
    const wanted = tail ?? (since === undefined && grep === undefined ? usualTail : undefined);
    return Number.isFinite(wanted) ? wanted : undefined;
  }

  async #sources(): Promise<readonly Source[]> {
    return this.#named ?? (await this.#client.services()).map(({ service }) => ({ service }));
  }

  async *#lines(source: Source, tail: number | undefined): AsyncGenerator<ServerLine> {
    const how = { ...this.#how, ...(tail === undefined ? {} : { tail }) };
    const { signal } = this.#context;
    if ("service" in source) return yield* this.#client.serviceLogs({ ...source, ...how }, { signal });
    for await (const line of this.#client.logs({ ...source, ...how }, { signal }))
      yield { ...source, ...line };
  }

  /** The lines of one server are printed as it wrote them; with several servers each line names its server. */
  #print(line: ServerLine): void {
    const { output } = this.#context;
    const isOne = this.#named?.length === 1 && this.#named.every((source) => "server" in source);
    const time = this.#options.timestamps ? `${output.style.dim(formatTime(line.atMs))} ` : "";
    const server = isOne ? "" : `${output.style.bold(line.server)} `;
    output.foreign(line, `${time}${server}${line.text}`);
  }

  /** One of several does not keep the others from being read; some targets keep no logs at all. */
  #failed(source: Source | undefined, error: unknown): ExitCode {
    if (this.#named?.length === 1 || source === undefined) throw error;
    const { code, message } = toKilnError(error);
    this.#context.output.note(`${nameOf(source)}: ${message}`);
    return code === "platform_unusable" ? 0 : 1;
  }
}

function nameOf(source: Source): string {
  return "service" in source ? source.service : source.server;
}
