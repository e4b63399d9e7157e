import { type PackageDraft, putLink } from "../archive/draft.ts";
import { currentPath } from "../layout.ts";
import type { Alternative } from "./scripts.ts";

/**
 * The links of update-alternatives(1): for each name the candidate of the highest priority, of equal ones the first
 * in the alphabet. Links whose target is not in the image (manual pages) are left out.
 */
export function addAlternatives(
  draft: PackageDraft,
  packages: readonly { readonly alternatives: readonly Alternative[] }[],
): void {
  const candidates = packages
    .flatMap(({ alternatives }) => alternatives)
    .filter((one) => draft.tree.has(currentPath((one.links[0]?.target ?? "").slice(1))))
    .sort((a, b) => b.priority - a.priority || (target(a) < target(b) ? -1 : 1));
  for (const { links } of candidates) {
    for (const { link, name, target } of links) {
      if (draft.tree.has(`etc/alternatives/${name}`) || !draft.tree.has(currentPath(target.slice(1))))
        continue;
      putLink(draft, `etc/alternatives/${name}`, target);
      const path = currentPath(link.slice(1));
      if (!draft.tree.has(path)) putLink(draft, path, `/etc/alternatives/${name}`);
    }
  }
}

function target(one: Alternative): string {
  return one.links[0]?.target ?? "";
}
