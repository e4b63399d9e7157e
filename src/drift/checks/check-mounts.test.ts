import { expect, test } from "vitest";
import { mountDifferences } from "./check-mounts.ts";

const root = "/ / ro - overlay overlay ro,lowerdir=a";
const tmp = "/ /tmp rw,noexec - tmpfs tmpfs rw";

test("the same table has no differences", () => {
  expect(mountDifferences([root, tmp], [root, tmp])).toEqual([]);
});

test("tells what was mounted, unmounted and mounted in another way", () => {
  const open = root.replace("/ / ro", "/ / rw");
  const etc = "/ /etc rw - tmpfs none rw";
  expect(mountDifferences([root, tmp], [open, etc])).toEqual([
    { kind: "mount", subject: "/", detail: "/ is mounted in another way: overlay from overlay (rw)" },
    { kind: "mount", subject: "/etc", detail: "/etc is mounted: tmpfs from none (rw)" },
    { kind: "mount", subject: "/tmp", detail: "/tmp is no longer mounted: it was tmpfs" },
  ]);
});

test("the same thing mounted once more is a difference", () => {
  expect(mountDifferences([root, tmp], [root, tmp, tmp]).map(({ subject }) => subject)).toEqual(["/tmp"]);
  expect(mountDifferences([root, tmp, tmp], [root, tmp]).map(({ subject }) => subject)).toEqual(["/tmp"]);
});
