import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const kept = [
  /^(kiln|LICENSE|package\.json|package-lock\.json)$/,
  /^scripts\/(ensure\.sh|system-packages\.txt)$/,
  /^(README|CONTRIBUTING)\.md$/,
  /^(docs|examples|contrib|schema)\//,
  /^src\//,
];
const leftOut = [/\.test\.(tsx?|yml)$/, /\/golden\//, /\/test-cluster\/.*\.sh$/];

/** The files of a checkout that Kiln needs to run, its documentation and what that leads to: no tests. */
export function runtimeFiles(tracked: readonly string[]): readonly string[] {
  return tracked.filter((path) => kept.some((it) => it.test(path)) && !leftOut.some((it) => it.test(path)));
}

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dev: z.boolean().default(false),
      optional: z.boolean().default(false),
      link: z.boolean().default(false),
    }),
  ),
});

/**
 * The folders of the npm packages that Kiln needs to run, from the text of package-lock.json: what `npm ci --omit=dev` installs. Optional
 * ones, which are those for another processor, only as far as they are there.
 */
export function productionPackages(lock: string, root: string): readonly string[] {
  return Object.entries(lockSchema.parse(JSON.parse(lock)).packages)
    .filter(([path, { dev, link }]) => path.startsWith("node_modules/") && !dev && !link)
    .filter(([path, { optional }]) => !optional || existsSync(join(root, path)))
    .map(([path]) => path);
}

/**
 * Whether a file of an npm package is needed. Node.js also brings headers for add-ons, a third of it; and it runs no TypeScript in
 * packages, so that types and sources are there for editors alone.
 */
export function isNeeded(path: string): boolean {
  return (
    !/^node_modules\/node-linux-[a-z0-9]+\/(include|share)(\/|$)/.test(path) && !/\.([cm]?ts|map)$/.test(path)
  );
}
