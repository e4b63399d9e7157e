import { describe, expect, test } from "vitest";
import type { ProjectFile } from "../project/project-files.ts";
import { groupFiles } from "./files-layer.ts";

const mebibyte = 1 << 20;

function file(entry: number, to: string, length: number): ProjectFile {
  const source = { path: `/project/${to}`, length, sha256: "0".repeat(64) };
  return { entry, to, type: "file", mode: 0o644, owner: "root", source };
}

function folderOf(count: number, length: number, entry = 0): readonly ProjectFile[] {
  return Array.from({ length: count }, (_, i) => file(entry, `data/part-${i}`, length));
}

describe("which files share a layer", () => {
  test("small entries share one, a large one between them has its own, and the order stays", () => {
    const groups = groupFiles([
      file(0, "a", 1),
      file(1, "b", 1),
      file(2, "big", 20 * mebibyte),
      file(3, "c", 1),
    ]);
    expect(groups.map((group) => group.map(({ to }) => to))).toEqual([["a", "b"], ["big"], ["c"]]);
  });

  test("a large folder is dealt out to parts of a similar size, and nothing is lost or doubled", () => {
    const files = folderOf(150, mebibyte);
    const groups = groupFiles(files);
    expect(groups).toHaveLength(8);
    expect(Math.max(...groups.map((group) => group.length))).toBeLessThan(40);
    expect(groups.flat().sort(byName)).toEqual([...files].sort(byName));
  });

  test("a file that comes or grows leaves the others where they are", () => {
    const before = groupFiles(folderOf(150, mebibyte));
    const after = groupFiles([file(0, "data/new", 2 * mebibyte), ...folderOf(150, mebibyte)]);
    const touched = after.filter((group, i) => group.length !== before[i]?.length);
    expect(touched).toHaveLength(1);
  });

  test("small files stay with their folder, however large the whole is", () => {
    const small = Array.from({ length: 500 }, (_, i) => file(0, `lib/${i % 10}/x-${i}`, 1000));
    const groups = groupFiles([...folderOf(64, mebibyte), ...small]);
    for (let folder = 0; folder < 10; folder++) {
      const holding = groups.filter((group) => group.some(({ to }) => to.startsWith(`lib/${folder}/`)));
      expect(holding).toHaveLength(1);
    }
  });

  test("an image never has more of them than there is room for", () => {
    expect(groupFiles(folderOf(2000, mebibyte))).toHaveLength(16);
  });
});

function byName(a: ProjectFile, b: ProjectFile): number {
  return a.to < b.to ? -1 : 1;
}
