import { expect, test } from "vitest";
import { treeOf } from "../test-kit.ts";
import { overlayTree } from "./overlay-tree.ts";
import { lookUp, mergeLayers, resolvePath } from "./tree.ts";

test("layers merge as the image specification says", () => {
  const lower = treeOf({ a: null, "a/x": "1", "a/y": "1", b: null, "b/x": "1", c: null, "c/x": "1", d: "1" });
  const upper = treeOf({ "a/.wh.x": "", "b/.wh..wh..opq": "", "b/new": "2", c: "2", "d/deep": "2" });
  expect([...mergeLayers([lower, upper]).keys()].sort()).toEqual([
    "a",
    "a/y",
    "b",
    "b/new",
    "c",
    "d",
    "d/deep",
  ]);
});

test("layers that hide each path of those below by itself merge in a moment", () => {
  const names = Array.from({ length: 30_000 }, (_, i) => `f/${i}`);
  const folders = treeOf(Object.fromEntries(names.map((name) => [name, null])));
  const hidden = treeOf(Object.fromEntries(names.map((name) => [name.replace("/", "/.wh."), ""])));
  const replaced = treeOf(Object.fromEntries(names.map((name) => [name, ""])));
  const begun = process.threadCpuUsage();
  expect(mergeLayers([folders, hidden]).size).toBe(0);
  expect(mergeLayers([folders, replaced]).size).toBe(names.length);
  expect(process.threadCpuUsage(begun).user).toBeLessThan(5_000_000);
});

test("paths are followed through symlinks, and never out of the image", () => {
  const tree = treeOf({
    bin: { to: "usr/bin" },
    "usr/bin/sh": { to: "dash" },
    "usr/bin/dash": "!",
    out: { to: "../../../usr/bin" },
    root: { to: "/" },
    loop: { to: "loop" },
  });
  expect(resolvePath(tree, "bin/sh", { last: false })).toBe("usr/bin/sh");
  expect(resolvePath(tree, "bin/sh", { last: true })).toBe("usr/bin/dash");
  expect(resolvePath(tree, "out/dash", { last: true })).toBe("usr/bin/dash");
  expect(resolvePath(tree, "root/root/bin/new/file", { last: true })).toBe("usr/bin/new/file");
  expect(resolvePath(tree, "loop/x", { last: true })).toBeUndefined();
  expect(lookUp(tree, "/bin/sh")?.path).toBe("usr/bin/dash");
});

test("a layer for overlayfs: whiteouts translated, parents made, its own attributes dropped", () => {
  const layer = new Map(
    treeOf({ "a/.wh.x": "", "b/.wh..wh..opq": "", "c/.wh.d": "", "c/d": null, ".wh..wh..opq": "" }),
  );
  const evil = { "trusted.overlay.redirect": Buffer.from("/etc"), "user.a": Buffer.from("1") };
  layer.set("e", { path: "e", type: "folder", mode: 0o700, uid: 0, gid: 0, mtime: 0, xattrs: evil });
  const tree = overlayTree(layer);
  expect(tree.get("a/x")).toMatchObject({ type: "char", device: { major: 0, minor: 0 } });
  const xattrs = (path: string) => Object.keys(tree.get(path)?.xattrs ?? {});
  expect([".", "b", "c", "c/d", "e"].map(xattrs)).toEqual([
    ["trusted.overlay.opaque"],
    ["trusted.overlay.opaque"],
    [],
    ["trusted.overlay.opaque"],
    ["user.a"],
  ]);
  expect(() => overlayTree(treeOf({ l: { to: "/etc" }, "l/passwd": "evil" }))).toThrow(/below "l"/);
  const astray = { path: "h", type: "hardlink", mode: 0, uid: 0, gid: 0, mtime: 0, link: "nowhere" } as const;
  expect(() => overlayTree(new Map([["h", astray]]))).toThrow(/not a file of its layer/);
});
