import { expect, test } from "vitest";
import { mountLines, parseMountLine } from "./mount-table.ts";

const table = `1541 1302 0:115 / / ro,relatime master:7 - overlay overlay ro,lowerdir=a:b
1542 1541 0:116 / /with\\040blank rw,nosuid shared:12 propagate_from:3 - tmpfs none rw,size=64k
1543 1541 254:0 /run/hosts//deleted /etc/hosts ro - ext4 /dev/vda rw,discard
`;

test("leaves out the numbers, and options that belong to the whole machine", () => {
  expect(mountLines(table)).toEqual([
    "/ / ro,relatime master - overlay overlay ro,lowerdir=a:b",
    "/ /with\\040blank rw,nosuid shared propagate_from - tmpfs none rw,size=64k",
    "/run/hosts//deleted /etc/hosts ro - ext4 /dev/vda",
  ]);
});

test("a remount of the machine's own file system changes nothing", () => {
  expect(mountLines(table.replace("rw,discard", "ro"))).toEqual(mountLines(table));
  expect(mountLines(table.replace("/etc/hosts ro", "/etc/hosts rw"))).not.toEqual(mountLines(table));
});

test("takes a line apart", () => {
  expect(mountLines(table).map(parseMountLine)[1]).toEqual({
    point: "/with blank",
    options: ["rw", "nosuid"],
    type: "tmpfs",
    source: "none",
  });
});
