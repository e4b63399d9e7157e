import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** One request, as a client saw it. Times are Unix times in ms with fractions. */
export interface Answer {
  readonly askedAtMs: number;
  readonly endedAtMs: number;
  /** The server that gave it; undefined when the request was lost. */
  readonly server: string | undefined;
  /** Why it was lost. */
  readonly loss?: string;
}

/** Clients that ask over and over, in a process of their own. */
export interface Load extends Disposable {
  /** Every request that has ended since the last call, by the time of its end. */
  take(): Promise<readonly Answer[]>;
}

/** The orders of a load worker. */
export interface LoadOrder {
  readonly url: string;
  /** Half of them keep their connection, half make a new one for each request. */
  readonly clients: number;
  /** Between a client's requests. */
  readonly pauseMs: number;
}

const worker = fileURLToPath(new URL("load-worker.ts", import.meta.url));

/** Starts asking; resolves when the first requests have ended. */
export async function startLoad(order: LoadOrder): Promise<Load> {
  const child = fork(worker, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  const ask = async (message: LoadOrder | "take") => {
    child.send(message);
    const [answers] = await once(child, "message");
    return answers as readonly Answer[];
  };
  await ask(order);
  return {
    take: () => ask("take"),
    [Symbol.dispose]: () => void (child.connected && child.disconnect()),
  };
}

/** A Unix time in ms with fractions that fits the answers' times. */
export function preciseNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The release that a server is of; 0 for none. Server ids end in release, slot and attempt. */
export function releaseOf(server: string | undefined): number {
  return Number(/-(\d+)-\d+-\d+$/.exec(server ?? "")?.[1] ?? 0);
}

/**
 * When the traffic had moved to the release: its first answer had come, and the last one of another release too.
 * Undefined while no answer has come from it.
 */
export function movedAtMs(answers: readonly Answer[], release: number): number | undefined {
  const served = answers.filter(({ server }) => server !== undefined);
  const first = served.find(({ server }) => releaseOf(server) === release);
  const last = served.findLast(({ server }) => releaseOf(server) !== release);
  return first && Math.max(first.endedAtMs, last?.endedAtMs ?? 0);
}

/** When the `count`th server of the release had answered for the first time; undefined while it has not. */
export function allServedAtMs(
  answers: readonly Answer[],
  release: number,
  count: number,
): number | undefined {
  const seen = new Set<string>();
  for (const { server, endedAtMs } of answers) {
    if (server === undefined || releaseOf(server) !== release) continue;
    seen.add(server);
    if (seen.size === count) return endedAtMs;
  }
  return undefined;
}
