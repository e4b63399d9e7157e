import type { ServiceKey } from "../../../src/domain/ids.ts";
import { parseServerId } from "../../../src/platform/fleet/server-id.ts";
import { previewedBy, previewKey } from "../../../src/router/preview-key.ts";
import type { RoutedService } from "../../../src/router/router.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { FleetKnowledge } from "./fleet-knowledge.ts";

/** Until a preview that is out of date is closed: a look, and the loop's longest pause. */
const closingMs = 40_000;

/** Whom a preview may reach. */
export class PreviewRules {
  readonly #k: FleetKnowledge;
  readonly #verdict: Verdict;
  /** What the planner has asked for last. */
  readonly #asked = new Map<ServiceKey, number | undefined>();
  /** Since when a preview has reached a release that it should not. */
  readonly #staleMs = new Map<ServiceKey, number>();
  /** How many times a preview has been given servers. */
  shown = 0;

  constructor(knowledge: FleetKnowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  /** A controller begins: what its predecessor has left is its own. */
  begin(): void {
    for (const service of this.#k.services) this.#asked.set(service, this.#released(service)[0]);
  }

  /** The planner's decision. */
  onPreview(service: ServiceKey, release: number | undefined): void {
    this.#asked.set(service, release);
    if (release === undefined) return;
    const desired = this.#k.desired.get(service);
    this.#verdict.expect(
      release !== desired?.serving,
      "preview-only-of-the-new",
      () => `release ${release} of ${service} serves, and is previewed`,
    );
  }

  onApply(routed: RoutedService): void {
    const service = previewedBy(routed.service) ?? "";
    const asked = this.#asked.get(service);
    for (const { id, weight } of routed.upstreams) {
      this.#verdict.expect(
        parseServerId(id)?.release === asked && parseServerId(id)?.service === service,
        "preview-only-of-the-new",
        () => `the preview of ${service} gets ${id}; asked for is release ${asked ?? "none"}`,
      );
      this.#verdict.expect(
        weight > 0 && this.#k.oracle.wasReadyAt(id, this.#k.now()),
        "preview-only-of-ready",
        () => `the preview of ${service} gets ${id}, and its health checks have not made it ready`,
      );
    }
    if (routed.upstreams.length > 0) this.shown++;
  }

  /** It reaches nobody but the new release of the running rollout. */
  step(service: ServiceKey): void {
    const desired = this.#k.desired.get(service);
    const stale = this.#released(service).filter((release) => release !== desired?.rollout?.to);
    const now = this.#k.now();
    if (stale.length === 0) return void this.#staleMs.delete(service);
    const since = this.#staleMs.get(service) ?? now;
    this.#staleMs.set(service, since);
    if (!this.#k.isUndisturbed(closingMs)) return;
    this.#verdict.expect(
      now - since <= closingMs,
      "preview-only-of-the-new",
      () =>
        `the preview of ${service} has reached release ${stale[0]} for ${now - since} ms, which is not rolled out`,
    );
  }

  #released(service: ServiceKey): readonly number[] {
    return this.#k.machine.takers(previewKey(service)).flatMap(({ id }) => parseServerId(id)?.release ?? []);
  }
}
