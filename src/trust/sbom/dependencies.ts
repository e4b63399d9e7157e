import type { DebianPackage } from "./debian-package.ts";

/** For each package the packages of the image that it depends on, in the order of `packages`. Names outside the image are left out. */
export function dependenciesIn(
  packages: readonly DebianPackage[],
): ReadonlyMap<DebianPackage, readonly DebianPackage[]> {
  const byName = new Map<string, DebianPackage[]>();
  for (const one of packages) {
    for (const name of [one.name, ...one.provides]) {
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [one]);
      else same.push(one);
    }
  }
  const order = new Map(packages.map((one, i) => [one, i]));
  const rank = (one: DebianPackage) => order.get(one) ?? 0;
  return new Map(
    packages.map((one) => {
      const needed = new Set(one.needs.flatMap((name) => byName.get(name) ?? []));
      needed.delete(one);
      return [one, [...needed].sort((a, b) => rank(a) - rank(b))];
    }),
  );
}
