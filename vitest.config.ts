import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** These files take minutes: they start first, in this order, so that none is left to run alone at the end. */
const longest = [
  "e2e/bare-machine",
  "simulation/many",
  "e2e/zero-loss",
  "e2e/kubernetes",
  "e2e/quickstart",
  "e2e/volumes",
  "e2e/faults",
  "conformance/kubernetes",
  "packages/full/install",
  "conformance/docker",
  "network/drift-network",
  "e2e/docker",
  "e2e/terraform",
  "e2e/disk",
  "e2e/dashboard",
  "e2e/jobs",
  "e2e/upgrade",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((name) => moduleId.includes(`/${name}`));
      return index === -1 ? longest.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

// Two projects: `unit` needs nothing but Node.js and is part of `npm run check`; `integration` runs the real
// parts (apt, runc, HAProxy) and prints the reason of every skip.
export default defineConfig({
  test: {
    maxWorkers: "100%", // the default leaves one processor idle
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          // As the launcher does: programs of ours that tests start are compiled once.
          env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/kiln") },
          isolate: false, // loading all modules for each file again takes longer than its tests
          testTimeout: 120_000, // a machine that does much else at the same time does not count as a failure
          include: ["{src,test,scripts,bench}/**/*.test.ts"],
          exclude: ["**/*.int.test.ts", "test/e2e/**"],
        },
      },
      {
        test: {
          name: "integration",
          include: ["{src,test}/**/*.int.test.ts", "test/e2e/**/*.test.ts"],
          testTimeout: 300_000, // as above
          hookTimeout: 300_000,
          maxWorkers: 2, // each file has state folders and ports of its own, and most wait more than they work
          sequence: { groupOrder: 1 },
          maxConcurrency: 3, // of suites that say so, for the same reason
        },
      },
    ],
  },
});
