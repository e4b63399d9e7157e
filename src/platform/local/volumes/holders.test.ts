import { expect, test } from "vitest";
import { placeOf, shows } from "./holders.ts";

/** Lines of /proc/PID/mountinfo, proc(5). */
const machine = [
  "25 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
  "30 25 254:16 /kept /var/lib rw,relatime - xfs /dev/vdb rw",
  "31 30 7:3 / /var/lib/kiln/volumes/db/data/disk rw,nosuid - ext4 /dev/loop3 rw",
  "32 25 254:32 / /srv/with\\040blank rw - ext4 /dev/vdc rw",
].join("\n");

test("a folder is on the file system that is mounted nearest above it", () => {
  expect(placeOf("/var/lib/kiln/volumes/shop/data/data", machine)).toEqual({
    device: "254:16",
    root: "/kept/kiln/volumes/shop/data/data",
  });
  expect(placeOf("/var/lib/kiln/volumes/db/data/disk/data", machine)).toEqual({
    device: "7:3",
    root: "/data",
  });
  expect(placeOf("/var/library", machine)).toEqual({ device: "254:0", root: "/var/library" });
  expect(placeOf("/srv/with blank", machine)).toEqual({ device: "254:32", root: "/" });
});

test("a server shows the folder when it has it, or something in it, mounted", () => {
  const volume = { device: "254:16", root: "/kept/shop/data" };
  const server = (root: string, device = "254:16") =>
    `90 80 0:50 / / ro - overlay overlay ro\n91 90 ${device} ${root} /data rw - xfs /dev/vdb rw`;
  expect(shows(server("/kept/shop/data"), volume)).toBe(true);
  expect(shows(server("/kept/shop/data/below"), volume)).toBe(true);
  expect(shows(server("/kept/shop/database"), volume)).toBe(false);
  expect(shows(server("/kept/shop/data", "254:0"), volume)).toBe(false);
});
