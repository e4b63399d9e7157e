import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { DriftKind, Finding } from "../domain/drift/drift.ts";
import { silentLog } from "../lib/log.ts";
import { exec } from "../lib/process/exec.ts";
import { systemClock } from "../lib/time/clock.ts";
import type { Inspector, Subject } from "../platform/linux/subject.ts";
import { aCall, openImages, TestHost, until } from "../platform/local/test-host.ts";
import { type DriftWatch, startDriftWatch } from "./drift-watch.ts";

/** The server that is changed. */
export const id = "shop-1-1-1";
export const forever = "while :; do sleep 0.2; done";

/** For each test, a real server on a real host, and everything that looks for drift. */
export class Watched implements AsyncDisposable {
  readonly t: TestHost;
  inspector: Inspector;
  drift: DriftWatch;

  constructor(t: TestHost) {
    this.t = t;
    this.inspector = t.host.inspector;
    this.drift = this.#start(this.inspector);
  }

  #start(inspector: Inspector): DriftWatch {
    return startDriftWatch({ inspector, tag: this.t.state.tag, clock: systemClock, log: silentLog });
  }

  /** Looks again from the beginning, as a new controller does. */
  async restart(inspector: Inspector = this.inspector): Promise<void> {
    await this.drift[Symbol.asyncDispose]();
    this.drift = this.#start(inspector);
  }

  subject(server = id): Subject {
    const found = this.inspector.subjects().find((each) => each.server === server);
    if (!found) throw new Error(`${server} is not in sight`);
    return found;
  }

  /** The first finding of that kind, about a subject that matches, as soon as it is there. */
  async finding(kind: DriftKind, what?: string | RegExp): Promise<Finding> {
    const find = () =>
      this.drift
        .findings()
        .find((f) => f.kind === kind && (what === undefined || new RegExp(what).test(f.subject)));
    await until(() => find() !== undefined);
    const found = find();
    if (!found) throw new Error("found before");
    return found;
  }

  nsenter(...args: string[]) {
    return exec(["nsenter", "-t", String(this.subject().process.pid), ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drift[Symbol.asyncDispose]();
    await this.t[Symbol.asyncDispose]();
  }
}

/** Gives the `Watched` of the running test. */
export function watchServers(): () => Watched {
  let images: Awaited<ReturnType<typeof openImages>>;
  let watched: Watched;
  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());
  beforeEach(async () => {
    watched = new Watched(new TestHost(images));
    await watched.t.run(id, forever, { memoryBytes: 64 << 20 });
    await watched.drift.inspect(aCall());
    expect(watched.drift.findings()).toEqual([]);
  });
  afterEach(() => watched[Symbol.asyncDispose]());
  return () => watched;
}
