import type { Ask } from "./ask.ts";
import { type Frontends, type Kind, kinds, type Service } from "./kinds.ts";

/** The worker's orders. */
export type Order =
  | { readonly kind: "start"; readonly frontends: Frontends }
  /** Answered with a `Taking`. */
  | { readonly kind: "take" }
  /** Nothing new is asked; answered with a `Taking` when all that was open has ended. */
  | { readonly kind: "stop" };

/** A request that was not answered as it should have been. Times are Unix times in ms. */
export interface Loss {
  readonly kind: string;
  readonly service: Service;
  readonly repeatable: boolean;
  readonly begunAtMs: number;
  readonly endedAtMs: number;
  readonly why: string;
}

/** What has ended since the last one. */
export interface Taking {
  /** Answers by kind. */
  readonly served: Readonly<Record<string, number>>;
  readonly lost: readonly Loss[];
  /** What has begun and not ended. */
  readonly open: number;
}

/** Longer than any answer here takes: who hears nothing has lost. */
const timeoutMs = 20_000;
const pauseMs = 10;

let stopping = false;
let open = 0;
let served = noneServed();
let lost: Loss[] = [];

process.on("message", (order: Order) => void obey(order));
process.once("disconnect", () => process.exit(0));

async function obey(order: Order): Promise<void> {
  if (order.kind === "start") return start(order.frontends);
  stopping ||= order.kind === "stop";
  while (stopping && open > 0) await sleep(pauseMs);
  process.send?.(take());
}

function start(frontends: Frontends): void {
  for (const kind of kinds) {
    for (let client = 0; client < kind.clients; client++) void askForever(kind, kind.make(frontends));
  }
}

async function askForever(kind: Kind, ask: Ask): Promise<void> {
  while (!stopping) {
    await askOnce(kind, ask);
    await sleep(pauseMs);
  }
}

async function askOnce({ name, service, repeatable }: Kind, ask: Ask): Promise<void> {
  const begunAtMs = Date.now();
  open++;
  try {
    const answers = await within(ask);
    served[name] = (served[name] ?? 0) + answers;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    lost.push({ kind: name, service, repeatable, begunAtMs, endedAtMs: Date.now(), why });
  } finally {
    open--;
  }
}

async function within(ask: Ask): Promise<number> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.onabort = () => reject(new Error(`no end within ${timeoutMs / 1000} s`));
  });
  return Promise.race([ask(signal), late]);
}

function take(): Taking {
  const taking = { served, lost, open };
  served = noneServed();
  lost = [];
  return taking;
}

function noneServed(): Record<string, number> {
  return Object.fromEntries(kinds.map(({ name }) => [name, 0]));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
