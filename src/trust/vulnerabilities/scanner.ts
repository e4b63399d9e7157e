import { statSync } from "node:fs";
import type { StateFolder } from "../../lib/state-folder.ts";
import { type ScanSummary, scanImage, summaryOfScan } from "./scan.ts";

/**
 * Scans images for the controller, each once for each state of the data, one after the other: they are looked at often. Whatever keeps
 * a scan from being made (no data, an image of another system) leaves it without a result; `kiln image scan` says why.
 */
export class Scanner {
  readonly #state: StateFolder;
  /** Results for the data as `#stamp` describes it. */
  readonly #results = new Map<string, ScanSummary | undefined>();
  #stamp = "";
  #queue: Promise<unknown> = Promise.resolve();

  constructor(state: StateFolder) {
    this.#state = state;
  }

  /** What is known already; otherwise a scan is started, for the next one who asks. */
  known(digest: string): ScanSummary | undefined {
    if (!this.#has(digest)) void this.find(digest);
    return this.#results.get(digest);
  }

  async find(digest: string): Promise<ScanSummary | undefined> {
    if (this.#has(digest)) return this.#results.get(digest);
    const found = this.#queue.then(() => this.#scan(digest));
    this.#queue = found;
    return found;
  }

  async #scan(digest: string): Promise<ScanSummary | undefined> {
    if (this.#has(digest)) return this.#results.get(digest);
    const stamp = this.#stamp;
    const found = await scanImage(this.#state, digest, new AbortController().signal).then(
      summaryOfScan,
      () => undefined,
    );
    if (stamp === this.#stamp) this.#results.set(digest, found);
    return found;
  }

  /** Without data nothing has a result, and nothing is read. */
  #has(digest: string): boolean {
    const stat = statSync(this.#state.advisories, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    if (stamp !== this.#stamp) this.#results.clear();
    this.#stamp = stamp;
    return stamp === "" || this.#results.has(digest);
  }
}
