import type { NewEvent } from "../domain/event.ts";
import type { Clock } from "../lib/time/clock.ts";

const minuteMs = 60_000;
const mostKeys = 1_000;

interface Denied {
  saidMs: number;
  unsaid: number;
}

export interface Denial {
  /** What is counted together. */
  readonly key: string;
  readonly address: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Events about refusals, at most one for each key and minute, so that a scanner cannot fill the log. */
export class Denials {
  readonly #record: (event: NewEvent) => void;
  readonly #clock: Clock;
  readonly #denied = new Map<string, Denied>();

  constructor(record: (event: NewEvent) => void, clock: Clock) {
    this.#record = record;
    this.#clock = clock;
  }

  note({ key, address, message, data }: Denial): void {
    const now = this.#clock.elapsed();
    const known = this.#denied.get(key);
    if (known !== undefined && now - known.saidMs < minuteMs) {
      known.unsaid += 1;
      return;
    }
    if (known === undefined && this.#denied.size >= mostKeys) this.#denied.clear();
    this.#denied.set(key, { saidMs: now, unsaid: 0 });
    const count = 1 + (known?.unsaid ?? 0);
    this.#record({
      service: undefined,
      kind: "access.denied",
      message,
      data: { ...data, address, count },
    });
  }
}
