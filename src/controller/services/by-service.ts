import type { ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";

/** The same glance with what is about one service alone. One pass finds it for all services: there may be a thousand. */
export function byService<G extends { readonly observation?: Observation | undefined }>(
  glance: G,
): (service: ServiceKey) => G {
  const { observation } = glance;
  if (observation === undefined) return () => glance;
  const groups = Map.groupBy(observation.groups, serviceOf);
  const addresses = Map.groupBy(observation.addresses ?? [], serviceOf);
  const jobs = Map.groupBy(observation.jobs ?? [], serviceOf);
  const reproductions = Map.groupBy(observation.reproductions ?? [], serviceOf);
  const warnings = Map.groupBy(observation.warnings ?? [], serviceOf);
  const ofAll = warnings.get(undefined) ?? [];
  const routed = new Set(observation.routed);
  return (service) => ({
    ...glance,
    observation: {
      groups: groups.get(service) ?? [],
      routed: routed.has(service) ? [service] : [],
      addresses: addresses.get(service) ?? [],
      jobs: jobs.get(service) ?? [],
      reproductions: reproductions.get(service) ?? [],
      warnings: [...ofAll, ...(warnings.get(service) ?? [])],
    },
  });
}

function serviceOf<S extends ServiceKey | undefined>({ service }: { readonly service: S }): S {
  return service;
}
