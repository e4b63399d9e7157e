import { mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readExactly } from "../../lib/files/read-inside.ts";
import { pacer } from "../../lib/time/pace.ts";
import { InputIndex } from "../layers/input-index.ts";
import { type Workshop, workshop } from "../test-kit.ts";
import { readProjectFiles } from "./project-files.ts";
import { ProjectIgnore } from "./project-ignore.ts";

/** Brings the whole project; `at` is called before each path is looked at. */
async function walk(shop: Workshop, at: (call: number) => void = () => {}) {
  const rest = pacer();
  let calls = 0;
  return await readProjectFiles([{ from: shop.project, to: "/app", mode: undefined, owner: undefined }], {
    projectFolder: shop.project,
    stateFolder: shop.state.home,
    ignore: await ProjectIgnore.open(shop.project, { exclude: [] }),
    index: await InputIndex.open(join(shop.folder, "index")),
    nowMs: 0,
    pace: () => {
      at(++calls);
      return rest();
    },
  });
}

/** Puts a link to a folder of the machine in the place of the project's `a`. */
function swap(shop: Workshop): void {
  renameSync(join(shop.project, "a"), join(shop.folder, "moved"));
  symlinkSync(join(shop.folder, "machine"), join(shop.project, "a"));
}

function writeOutside(shop: Workshop, path: string): void {
  const file = join(shop.folder, "machine", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "root:$6$hash:19000:0\n");
}

test("a folder that is exchanged for a link while it is read brings no file of the machine", async () => {
  using shop = workshop();
  shop.write("a/shadow", "harmless");
  writeOutside(shop, "shadow");
  const swapped = walk(shop, (call) => call === 2 && swap(shop));
  await expect(swapped).rejects.toMatchObject({ code: "file_changed" });
});

test("a folder below one that is exchanged for a link is not listed", async () => {
  using shop = workshop();
  mkdirSync(join(shop.project, "a/b"), { recursive: true });
  writeOutside(shop, "b/names");
  const swapped = walk(shop, (call) => call === 2 && swap(shop));
  await expect(swapped).rejects.toMatchObject({ code: "file_changed" });
});

test("a file for servers is read from where the spec's check found it, or not at all", () => {
  using shop = workshop();
  shop.write("a/shadow", "harmless");
  writeOutside(shop, "shadow");
  expect(readExactly(join(shop.project, "a/shadow"), 100).toString()).toBe("harmless");
  swap(shop);
  expect(() => readExactly(join(shop.project, "a/shadow"), 100)).toThrow(
    expect.objectContaining({ code: "file_changed" }),
  );
});

test("a sparse file of a terabyte is named, not read", async () => {
  using shop = workshop();
  shop.write("sparse", "");
  truncateSync(join(shop.project, "sparse"), 2 ** 40);
  await expect(walk(shop)).rejects.toMatchObject({
    code: "file_unsupported",
    message: expect.stringContaining("sparse"),
  });
});
