import { expect, test } from "vitest";
import type { TarEntry } from "../tar/entry.ts";
import { currentPath, slimTree } from "./layout.ts";

function tree(...entries: readonly (Partial<TarEntry> & { path: string })[]): ReadonlyMap<string, TarEntry> {
  const base = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0 } as const;
  return new Map(entries.map((entry) => [entry.path, { ...base, ...entry }]));
}

test.each([
  ["bin/sh", "usr/bin/sh"],
  ["lib64/ld.so", "usr/lib64/ld.so"],
  ["library", "library"],
  ["var/run/x", "run/x"],
  ["usr/bin/x", "usr/bin/x"],
])("%s is %s today", (old, now) => {
  expect(currentPath(old)).toBe(now);
});

test("hard links follow their targets", () => {
  const slim = slimTree(tree({ path: "bin/a" }, { path: "bin/b", type: "hardlink", link: "bin/a" }));
  expect(slim.get("usr/bin/b")).toMatchObject({ type: "hardlink", link: "usr/bin/a" });
});

test("a link from the old to the new place of a file does not replace the file", () => {
  const slim = slimTree(
    tree({ path: "usr/bin/touch", type: "symlink", link: "/bin/touch" }, { path: "bin/touch", mode: 0o755 }),
  );
  expect([...slim.values()]).toMatchObject([{ path: "usr/bin/touch", type: "file" }]);
});

test("documentation goes, copyright and links between documentation folders stay", () => {
  const slim = slimTree(
    tree(
      { path: "usr/share/doc/a", type: "folder" },
      { path: "usr/share/doc/a/copyright" },
      { path: "usr/share/doc/a/changelog.gz" },
      { path: "usr/share/doc/b", type: "symlink", link: "a" },
      { path: "usr/share/doc/c", type: "folder" },
      { path: "usr/share/doc/c/examples", type: "folder" },
      { path: "usr/share/doc/c/examples/x" },
      { path: "usr/share/man/man1/a.1.gz" },
      { path: "usr/share/locale/de/LC_MESSAGES/a.mo" },
      { path: "usr/share/zoneinfo/UTC" },
    ),
  );
  expect([...slim.keys()]).toEqual([
    "usr/share/doc/a",
    "usr/share/doc/a/copyright",
    "usr/share/doc/b",
    "usr/share/zoneinfo/UTC",
  ]);
});

test("a hard link to something dropped becomes the file", () => {
  const content = { kind: "bytes", bytes: Buffer.from("x") } as const;
  const slim = slimTree(
    tree(
      { path: "usr/share/doc/a/COPYING", content },
      { path: "usr/share/a/licence", type: "hardlink", link: "usr/share/doc/a/COPYING" },
    ),
  );
  expect(slim.get("usr/share/a/licence")).toMatchObject({ type: "file", content });
});
