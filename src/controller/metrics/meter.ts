import { addCounts, noTraffic, type ReleaseTraffic } from "../../domain/traffic/traffic.ts";
import { Histogram } from "../../lib/prometheus.ts";

const passBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** One route of the API that was asked, and what it answered. */
interface Answered {
  readonly method: string;
  readonly route: string;
  readonly code: number;
}

/** Counts what no record keeps, from the start of the controller. */
export class Meter {
  readonly passes = new Histogram(passBounds);
  readonly #traffic = new Map<string, ReleaseTraffic>();
  readonly #answered = new Map<string, Answered & { readonly count: number }>();

  get answers(): Iterable<Answered & { readonly count: number }> {
    return this.#answered.values();
  }

  pass(ms: number): void {
    this.passes.add(ms / 1000);
  }

  /** What releases have answered since the reading before. */
  traffic(grown: readonly ReleaseTraffic[]): void {
    for (const { service, release, ...counts } of grown) {
      this.#traffic.set(`${service} ${release}`, {
        ...{ service, release },
        ...addCounts(this.trafficOf(service, release), counts),
      });
    }
  }

  trafficOf(service: string, release: number): Omit<ReleaseTraffic, "service" | "release"> {
    return this.#traffic.get(`${service} ${release}`) ?? noTraffic;
  }

  answer(answered: Answered): void {
    const key = `${answered.method} ${answered.route} ${answered.code}`;
    const count = (this.#answered.get(key)?.count ?? 0) + 1;
    this.#answered.set(key, { ...answered, count });
  }
}
