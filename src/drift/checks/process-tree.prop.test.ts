import fc from "fast-check";
import { expect, test } from "vitest";
import { descends, parseStatus } from "./process-tree.ts";

/** Parents of the processes 1 to n: each has a smaller number, 0 stands above the first. */
const trees = fc
  .integer({ min: 2, max: 30 })
  .chain((count) =>
    fc.tuple(...Array.from({ length: count }, (_, i) => fc.integer({ min: i === 0 ? 0 : 1, max: i }))),
  )
  .map((parents) => new Map(parents.map((parent, i) => [i + 1, parent])));

function isAbove(tree: ReadonlyMap<number, number>, first: number, pid: number): boolean {
  if (pid === first) return true;
  const parent = tree.get(pid);
  return parent === undefined || pid <= 1 ? false : isAbove(tree, first, parent);
}

test("a process belongs to a server when its first process is above it", () => {
  fc.assert(
    fc.property(trees, fc.nat(), fc.nat(), (tree, a, b) => {
      const first = 2 + (a % Math.max(1, tree.size - 1));
      const pid = 1 + (b % tree.size);
      expect(descends(pid, first, (at) => tree.get(at))).toBe(isAbove(tree, first, pid));
    }),
  );
});

test("a process whose parent ends in this moment is not taken for a stranger", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), (terminations) => {
      let left = terminations;
      const parentOf = (pid: number) => {
        if (pid === 30) return left > 0 ? 20 : 10;
        if (pid === 20) {
          left -= 1;
          return undefined;
        }
        return pid === 10 ? 1 : undefined;
      };
      expect(descends(30, 10, parentOf)).toBe(true);
    }),
  );
});

test("a process that the kernel takes away in this moment is not taken for a stranger, one from outside is", () => {
  const ending = [0, undefined];
  expect(descends(30, 10, () => ending.shift())).toBeUndefined();
  const parentEnds = [20, 20, 0, 10, 10];
  expect(descends(30, 10, (pid) => (pid === 10 ? 1 : parentEnds.shift()))).toBe(true);
  expect(descends(30, 10, () => 0)).toBe(false);
});

test("one that has ended belongs to no server", () => {
  expect(descends(30, 10, () => undefined)).toBeUndefined();
});

test("a name cannot forge what the kernel says", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{1,15}$/), (name) => {
      const text = `Name:\t${name}\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nPPid:\t3\nTracerPid:\t0\nUid:\t0\t0\n`;
      expect(parseStatus(text)).toEqual({ name, state: "S", parent: 3, tracer: 0 });
    }),
  );
});
