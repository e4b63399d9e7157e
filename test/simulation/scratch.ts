import { rmSync } from "node:fs";
import { memoryFolder } from "../../src/lib/testing.ts";

/** The folder of one run. It goes with the run, also when SIGINT or SIGTERM ends the process in its middle. */
export class Scratch implements Disposable {
  readonly folder = memoryFolder("kiln-s-");

  constructor() {
    process.on("SIGINT", this.#interrupt).on("SIGTERM", this.#interrupt);
  }

  /** Once nobody listens any more the signal ends the process, as it does without us. */
  readonly #interrupt = (signal: NodeJS.Signals) => {
    this[Symbol.dispose]();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#interrupt).off("SIGTERM", this.#interrupt);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
