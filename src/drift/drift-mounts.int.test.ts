import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mountLines } from "../lib/files/mount-table.ts";
import { exec } from "../lib/process/exec.ts";
import { askedMounts } from "../platform/local/server/asked-mounts.ts";
import type { OciConfig } from "../platform/local/server/oci-config.ts";
import { aCall, whyNoContainers } from "../platform/local/test-host.ts";
import { mountDifferences } from "./checks/check-mounts.ts";
import { forever, id, watchServers } from "./testing.ts";

const reason = whyNoContainers();
if (reason) console.log(`Drift of mounts is not tested: ${reason}.`);

describe.skipIf(reason)("a server whose mounts someone changes", () => {
  const w = watchServers();

  test("is found when a mount of its own is made writable, and when something is mounted over it", async () => {
    await w().nsenter("-m", "/bin/mount", "-n", "-t", "tmpfs", "none", "/etc");
    expect(await w().finding("mount", "^/etc$")).toMatchObject({ detail: expect.stringContaining("tmpfs") });
    await w().nsenter("-m", "/bin/mount", "-n", "-o", "remount,bind,rw", "/dev");
    expect(await w().finding("mount", "^/dev$")).toMatchObject({ detail: expect.stringContaining("rw") });
  });

  test("keeps its root read-only, also from the machine's root: the user namespace locks the mount", async () => {
    for (const how of ["remount,bind,rw", "remount,rw"])
      await expect(w().nsenter("-m", "/bin/mount", "-n", "-o", how, "/")).rejects.toThrow(
        /permission denied/,
      );
    expect(readFileSync(`/proc/${w().subject().process.pid}/mounts`, "utf8")).toMatch(
      /^overlay \/ overlay ro,/m,
    );
  });

  test("and what someone has mounted over or in its image meanwhile is not taken over", async () => {
    const root = join(
      w().t.state.servers,
      ".host/roots",
      readdirSync(join(w().t.state.servers, ".host/roots"))[0] ?? "",
    );
    await exec(["mount", "-t", "tmpfs", "evil", join(root, "srv")]);
    await exec(["mount", "--bind", "/tmp", root]);
    await w().t.run("shop-1-2-1", forever);
    await w().drift.inspect(aCall());
    expect(w().drift.findings()).toEqual([]);
    const { pid } =
      w()
        .inspector.subjects()
        .find(({ server }) => server === "shop-1-2-1")?.process ?? {};
    expect(readFileSync(`/proc/${pid}/mountinfo`, "utf8")).not.toContain("evil");
    expect(existsSync(`/proc/${pid}/root/bin/sh`)).toBe(true);
  });

  test("has the device of its release from the start, which is not a difference", async () => {
    // A device that runc does not give by itself, under a name that no other test has.
    const numbers = existsSync("/dev/fuse") ? ["10", "229"] : ["1", "3"];
    const device = `/dev/kiln-drift-${process.pid}`;
    await exec(["mknod", "--mode=0666", device, "c", ...numbers]);
    try {
      await w().t.run("shop-1-3-1", forever, { devices: [device] });
      await w().drift.inspect(aCall());
      expect(w().drift.findings()).toEqual([]);
    } finally {
      rmSync(device, { force: true });
    }
  });

  test("is compared with what was asked for, not with what was found", async () => {
    const { pid } = w().subject().process;
    const config = JSON.parse(
      readFileSync(join(w().t.state.servers, id, "config.json"), "utf8"),
    ) as OciConfig;
    const asked = { config, rootDevice: undefined, inside: `/proc/${pid}/root` };
    const table = () => readFileSync(`/proc/${pid}/mountinfo`, "utf8");
    expect(askedMounts(table(), asked).join("\n")).toBe(table().trimEnd());
    await w().nsenter("-m", "/bin/mount", "-n", "-t", "tmpfs", "evil", "/srv");
    await w().nsenter("-m", "/bin/perl", "-e", "syscall(166, my $at = '/etc/hosts', 0) == 0 or die $!"); // umount2
    const found = mountDifferences(mountLines(askedMounts(table(), asked).join("\n")), mountLines(table()));
    expect(found.map(({ subject: point, detail }) => [point, detail.includes("no longer")])).toEqual([
      ["/srv", false],
      ["/etc/hosts", true],
    ]);
    const elsewhere = askedMounts(table(), { ...asked, rootDevice: "0:0" });
    expect(elsewhere.some((line) => line.includes(" / ro,relatime - overlay"))).toBe(false);
  });
});
