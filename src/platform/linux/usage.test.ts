import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { usageIn } from "./usage.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync("/tmp/kiln-usage-");
});
afterEach(() => rmSync(root, { recursive: true }));

/** Folders of a cgroup with these files, one for each hierarchy. */
function folders(hierarchies: Readonly<Record<string, Readonly<Record<string, string>>>>): readonly string[] {
  return Object.entries(hierarchies).map(([name, files]) => {
    mkdirSync(join(root, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), text);
    return join(root, name);
  });
}

const statOf2 = "anon 900\ninactive_file 300\nactive_file 7\n";

test("version 2", () => {
  const unified = {
    "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
    "memory.current": "1000\n",
    "memory.stat": statOf2,
  };
  expect(usageIn(folders({ unified }))).toEqual({ cpuMs: 2_500, memoryBytes: 700 });
});

test("version 1 counts a cgroup's children in fields of their own, and throttling in cpu.stat", () => {
  const found = usageIn(
    folders({
      cpu: { "cpu.stat": "nr_periods 3\nthrottled_time 9\n" },
      cpuacct: { "cpuacct.usage": "2500000000\n" },
      memory: {
        "memory.usage_in_bytes": "1000\n",
        "memory.stat": "inactive_file 1\ntotal_inactive_file 400\n",
      },
      unified: {},
    }),
  );
  expect(found).toEqual({ cpuMs: 2_500, memoryBytes: 600 });
});

test("what the kernel does not count is not known", () => {
  expect(usageIn(folders({ unified: { "cpu.stat": "usage_usec 1000\n" } }))).toEqual({
    cpuMs: 1,
    memoryBytes: undefined,
  });
});
