import type { Observation } from "../../../src/domain/observation.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { FleetKnowledge } from "./fleet-knowledge.ts";

/** What a fleet shows at any moment, for it knows its host and its router. */
export class InspectionRules {
  readonly #k: FleetKnowledge;
  readonly #verdict: Verdict;

  constructor(knowledge: FleetKnowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  onObserved(observation: Observation): void {
    this.#mustBeComplete(observation);
    this.#mustBeBounded(observation);
  }

  /** Every server that takes requests is among what is seen. */
  #mustBeComplete({ groups }: Observation): void {
    const seen = new Set(groups.flatMap((g) => g.servers.map((s) => s.id)));
    for (const service of this.#k.services) {
      for (const id of this.#k.readyTakers(service)) {
        this.#verdict.expect(seen.has(id), "observed-is-complete", () => `${id} serves and is not observed`);
      }
    }
  }

  #mustBeBounded({ groups }: Observation): void {
    for (const group of groups) {
      const beside = new Set(group.replacing);
      const live = group.servers.filter(
        (s) => s.state !== "draining" && s.state !== "quarantined" && !beside.has(s.id),
      );
      const atWork = group.servers.filter((s) => beside.has(s.id) && s.state !== "quarantined").length;
      this.#verdict.expect(atWork <= 2, "servers-bounded", () => `${atWork} are replaced at once`);
      this.#verdict.expect(
        group.size === undefined || live.length <= group.size || this.#k.isTampered(group.service),
        "servers-bounded",
        () =>
          `${group.service} release ${group.release} has ${live.length} servers, ${group.size} are wanted`,
      );
    }
  }
}
