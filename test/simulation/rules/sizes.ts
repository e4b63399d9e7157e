import type { ServiceKey } from "../../../src/domain/ids.ts";
import type { GroupObservation } from "../../../src/domain/observation.ts";

interface Size {
  /** What the present controller has asked for. */
  readonly asked?: number | undefined;
  /** What the platform has, as the last look showed it and later calls have changed it. */
  readonly present?: number | undefined;
  /** Whether there is such a group, as far as is known; a platform may have forgotten its size. */
  readonly isThere?: boolean;
}

/** How many servers each group shall have, as far as the present controller knows. */
export class Sizes {
  readonly #services = new Map<ServiceKey, Map<number, Size>>();
  /** Each group before its last call, which may come to nothing. */
  readonly #before = new Map<string, Size>();

  /** A new controller knows nothing yet. */
  clear(): void {
    this.#services.clear();
  }

  onObserved(service: ServiceKey, groups: readonly GroupObservation[]): void {
    const shown = new Map(groups.map(({ release, size }) => [release, size]));
    const sizes = this.#of(service);
    for (const release of new Set([...sizes.keys(), ...shown.keys()]))
      sizes.set(release, {
        asked: sizes.get(release)?.asked,
        present: shown.get(release),
        isThere: shown.has(release),
      });
  }

  onResize(service: ServiceKey, release: number, size: number): void {
    const sizes = this.#of(service);
    this.#before.set(`${service}-${release}`, sizes.get(release) ?? {});
    sizes.set(release, { asked: size, present: size, isThere: true });
  }

  /** The last call for this group came to nothing. */
  onUndone(service: ServiceKey, release: number): void {
    this.#of(service).set(release, this.#before.get(`${service}-${release}`) ?? {});
  }

  /** Undefined: it is not known. */
  of(service: ServiceKey, release: number): number | undefined {
    const { asked, present } = this.#of(service).get(release) ?? {};
    return present ?? asked;
  }

  isThere(service: ServiceKey, release: number): boolean {
    return this.#of(service).get(release)?.isThere ?? false;
  }

  /** How many the present controller has asked for, in these releases together. */
  asked(service: ServiceKey, releases: readonly (number | undefined)[]): number {
    const counted = [...this.#of(service)].filter(([release]) => releases.includes(release));
    return counted.reduce((sum, [, { asked = 0 }]) => sum + asked, 0);
  }

  #of(service: ServiceKey): Map<number, Size> {
    const sizes = this.#services.get(service) ?? new Map<number, Size>();
    this.#services.set(service, sizes);
    return sizes;
  }
}
