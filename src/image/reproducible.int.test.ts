import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../lib/process/exec.ts";
import { serviceSpec, workshop } from "./test-kit.ts";

const skip = process.getuid?.() !== 0 || spawnSync("unshare", ["-u", "true"]).status !== 0;
if (skip) console.log("skipped: changing user and host name needs root");

/** Builds in a process of its own and prints the image's digest. */
function buildScript(project: string, home: string): string {
  const spec = serviceSpec({
    files: [
      { from: join(project, "site"), to: "/srv/www", mode: undefined, owner: "33:33" },
      { from: join(project, "run"), to: "/usr/bin/run", mode: 0o4755, owner: undefined },
    ],
    command: ["run"],
  });
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  return `
    import { buildImage } from ${module("./build.ts")};
    import { systemClock } from ${module("../lib/time/clock.ts")};
    import { openStateFolder } from ${module("../lib/state-folder.ts")};
    const result = await buildImage(${JSON.stringify(spec)}, {
      state: openStateFolder({ KILN_HOME: ${JSON.stringify(home)} }), projectFolder: ${JSON.stringify(project)},
      updateLock: false, clock: systemClock, signal: new AbortController().signal, progress() {},
    });
    process.stdout.write(result.digest);`;
}

test.skipIf(skip)(
  "folder, user, umask, host name, time zone, locale and times do not change the digest",
  async () => {
    using shop = workshop();
    for (let i = 0; i < 40; i++) shop.write(`site/${i % 7}/Ä page ${i}.html`, `<p>${i}`);
    shop.write("run", "#!", 0o755);
    const node = [process.execPath, "--input-type=module", "-e"] as const;
    const first = await exec([...node, buildScript(shop.project, shop.state.home)]);

    const elsewhere = mkdtempSync("/tmp/kiln-other-place-");
    try {
      cpSync(shop.project, join(elsewhere, "copy"), { recursive: true });
      makeStrange(elsewhere);
      const script = buildScript(join(elsewhere, "copy"), join(elsewhere, "home"));
      const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] as const;
      const command = 'hostname other.example.com && umask 0077 && exec "$@"';
      const second = await exec(["unshare", "-u", "sh", "-c", command, "sh", ...asNobody, ...node, script], {
        env: { TZ: "Pacific/Kiritimati", LC_ALL: "C", HOME: elsewhere },
      });
      expect(first.stdout).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(second.stdout).toBe(first.stdout);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  },
);

const noErofs = skip || spawnSync("which", ["mkfs.erofs"]).status !== 0;
if (noErofs) console.log("skipped: a layer's file needs root and mkfs.erofs");

/** A layer whose folders have more put into them after others came between, by name, hard link and absolute link. */
const layerScript = (file: string) => `
  import { makeLayerFile } from ${JSON.stringify(new URL("./erofs.ts", import.meta.url).href)};
  const of = (path, type, more) => [path, { path, type, mode: 0o755, uid: 1, gid: 2, mtime: 400_000_000, ...more }];
  const content = { kind: "bytes", bytes: Buffer.from("text") };
  const layer = new Map([
    of("etc", "folder"), of("etc/ca", "folder"), of("etc/ca.conf", "file", { content }),
    of("etc/ca/update.d", "folder"), of("etc/ca/update.d/hook", "symlink", { link: "/etc/ca.conf" }),
    of("usr", "folder"), of("usr/same", "hardlink", { link: "etc/ca.conf" }),
  ]);
  const made = await makeLayerFile(${JSON.stringify(file)}, layer, new AbortController().signal);
  process.stdout.write(made.sha256);`;

test.skipIf(noErofs)(
  "time, umask, host name, time zone and file system do not change a layer's file",
  async () => {
    using shop = workshop();
    const node = [process.execPath, "--input-type=module", "-e"] as const;
    const first = await exec([...node, layerScript(join(shop.folder, "first.erofs"))]);
    const elsewhere = join(shop.folder, "elsewhere");
    mkdirSync(elsewhere);
    const strange = `hostname other.example.com && umask 0077 && mount -t tmpfs none ${elsewhere} && exec "$@"`;
    const script = layerScript(join(elsewhere, "second.erofs"));
    const second = await exec(["unshare", "-um", "sh", "-c", strange, "sh", ...node, script], {
      env: { TZ: "Pacific/Kiritimati", LC_ALL: "C" },
    });
    expect(first.stdout).toMatch(/^[0-9a-f]{64}$/);
    expect(second.stdout).toBe(first.stdout);
  },
);

/** Other owners, other times, and modes that say the same of who may execute. */
function makeStrange(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) chmodSync(path, entry.name === "run" ? 0o700 : 0o600);
    chownSync(path, 65534, 65534);
    lutimesSync(path, 1_000_000_000, 1_000_000_000);
  }
  mkdirSync(join(folder, "home"));
  chownSync(join(folder, "home"), 65534, 65534);
  chownSync(folder, 65534, 65534);
}
