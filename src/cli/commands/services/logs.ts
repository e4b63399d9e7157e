import type { JobId, ServerId, ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, LogLine, ServiceStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { formatTime } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { isSource, requireStatus, statusOf } from "../../services.ts";

interface LogsOptions extends ServiceOptions {
  readonly follow?: boolean;
  readonly tail: number;
  readonly timestamps?: boolean;
  readonly job?: string;
}

interface ServerLine extends LogLine {
  readonly server: ServerId | JobId;
}

/** With `--follow`, how often to look for new servers. */
const lookAgainMs = 500;

export async function run(context: Context, options: LogsOptions, target?: string): Outcome {
  const client = await context.connect();
  try {
    const one = await oneOf(context, client, options, target);
    const print = printer(context, options, one !== undefined);
    if (one !== undefined) {
      for await (const line of client.logs(
        { server: one, ...readOptions(options) },
        { signal: context.signal },
      )) {
        print({ server: one, ...line });
      }
      return 0;
    }
    const key = await requireService(context.cwd, options, target);
    const servers = sourcesOf(await requireStatus(client, key));
    if (options.follow) await followAll(context, client, key, options, print);
    else for (const line of await readAll(context, client, servers, options)) print(line);
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  return 0;
}

/** The server or job whose lines are wanted, unless it is a whole service. */
async function oneOf(
  context: Context,
  client: Client,
  options: LogsOptions,
  target: string | undefined,
): Promise<ServerId | JobId | undefined> {
  if (target !== undefined && (await isSource(client, target))) return target;
  if (options.job === undefined) return undefined;
  const { service, jobs } = await requireStatus(client, await requireService(context.cwd, options, target));
  const newest = jobs
    .filter(({ name }) => name === options.job)
    .sort((a, b) => (b.run ?? b.rollout) - (a.run ?? a.rollout))[0];
  if (newest !== undefined) return newest.id;
  const names = [...new Set(jobs.map(({ name }) => name))];
  throw new KilnError("server_unknown", `${service} has no kept run of a job ${options.job}.`, {
    hint:
      names.length === 0 ? "No job of this service has run." : `Jobs with kept runs: ${names.join(", ")}.`,
  });
}

/** The servers of a service, and the job that runs. */
function sourcesOf({ servers, jobs }: ServiceStatus): readonly (ServerId | JobId)[] {
  const running = jobs.filter(({ state }) => state === "running");
  return [...servers, ...running].map(({ id }) => id);
}

function readOptions(options: LogsOptions): { readonly tail?: number; readonly follow?: boolean } {
  return {
    ...(Number.isFinite(options.tail) ? { tail: options.tail } : {}),
    ...(options.follow ? { follow: true } : {}),
  };
}

/** The lines of one server are printed as it wrote them; with several servers each line names its server. */
function printer(context: Context, options: LogsOptions, one: boolean): (line: ServerLine) => void {
  const { output } = context;
  return (line) => {
    const time = options.timestamps ? `${output.style.dim(formatTime(line.atMs))} ` : "";
    const server = one ? "" : `${output.style.bold(line.server)} `;
    output.foreign(line, `${time}${server}${line.text}`);
  };
}

/** Every server's last lines, in the order of time. */
async function readAll(
  context: Context,
  client: Client,
  servers: readonly (ServerId | JobId)[],
  options: LogsOptions,
): Promise<readonly ServerLine[]> {
  const read = async (server: ServerId | JobId) => {
    const lines: ServerLine[] = [];
    for await (const line of client.logs({ server, ...readOptions(options) }, { signal: context.signal }))
      lines.push({ server, ...line });
    return lines;
  };
  const all = await Promise.all(servers.map(read));
  return all.flat().sort((a, b) => a.atMs - b.atMs);
}

/** Follows present and new servers until the service is gone or the signal fires. */
async function followAll(
  context: Context,
  client: Client,
  key: ServiceKey,
  options: LogsOptions,
  print: (line: ServerLine) => void,
): Promise<void> {
  const followed = new Set<ServerId | JobId>();
  const follow = async (server: ServerId | JobId, tail: number) => {
    const read = readOptions({ ...options, tail });
    for await (const line of client.logs({ server, ...read }, { signal: context.signal }))
      print({ server, ...line });
  };
  let tail = options.tail;
  for (let status = await statusOf(client, key); status !== undefined; status = await statusOf(client, key)) {
    for (const id of sourcesOf(status).filter((source) => !followed.has(source))) {
      followed.add(id);
      follow(id, tail).catch(() => followed.delete(id)); // not started yet, or just gone: the next look decides
    }
    tail = Number.POSITIVE_INFINITY; // of new servers, everything
    await context.clock.sleep(lookAgainMs, context.signal);
  }
}
