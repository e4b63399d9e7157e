import { expect, test } from "vitest";
import { workingFolder } from "./oci-schema.ts";

test.each(["", "/", "/srv/www", "/srv/..data", "/process", "/srv/proc"])(
  "%j can be a working folder",
  (path) => {
    expect(workingFolder.safeParse(path).success).toBe(true);
  },
);

test.each([
  "srv",
  "/..",
  "/../../tmp",
  "/srv/../..",
  "/proc/self/fd/7",
  "//./proc",
  "/dev",
  "/sys/fs/cgroup",
  "/a\0",
])("%j cannot", (path) => {
  expect(workingFolder.safeParse(path).success).toBe(false);
});
