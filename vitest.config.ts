import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** These files take minutes: they start first, in this order, so that none is left to run alone at the end. */
const longest = [
  "e2e/bare-machine",
  "e2e/zero-loss",
  "conformance/kubernetes",
  "e2e/kubernetes",
  "simulation/many",
  "conformance/docker",
  "e2e/quickstart",
  "e2e/docker",
  "e2e/faults",
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
