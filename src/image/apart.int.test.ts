import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { exec } from "../lib/process/exec.ts";
import { runApart } from "./apart.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("skipped: root is needed for namespaces");
const networked = ["slirp4netns", "ip"].every((one) => spawnSync("which", [one]).status === 0);
if (!networked) console.log("skipped: slirp4netns and ip are needed for a network");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-apart-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

async function apart(script: string, internet = false): Promise<readonly string[]> {
  const { stdout, stderr } = await runApart(folder, ["sh", "-c", script], { internet, accept: "any" });
  return `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
}

test.skipIf(!isRoot)("a program writes to its folder alone, wherever everyone may write", async () => {
  const open = mkdtempSync("/srv/kiln-open-");
  onTestFinished(() => rmSync(open, { recursive: true }));
  chmodSync(open, 0o777);
  const places = [open, "/tmp", "/var/tmp", "/dev/shm", "/run"];
  const tries = places.map((place) => `touch ${place}/of-a-build && echo ${place}`).join("; ");
  const undone = `mount -o remount,bind,rw ${open}; mount -o remount,bind,rw /; umount /tmp /run`;
  expect(await apart(`exec 2>/dev/null; ${undone}; ${tries}`)).toEqual(["/tmp", "/var/tmp", "/dev/shm"]);
  expect(places.filter((place) => existsSync(join(place, "of-a-build")))).toEqual([]);
  expect(readdirSync(folder)).toEqual(["of-a-build"]);
});

test.skipIf(!isRoot)("a program reaches no socket of another one", async () => {
  const open = mkdtempSync("/run/kiln-apart-");
  onTestFinished(() => rmSync(open, { recursive: true }));
  const server = createServer().listen(join(open, "socket"));
  onTestFinished(() => void server.close());
  chmodSync(open, 0o755);
  chmodSync(join(open, "socket"), 0o777);
  expect(await apart("ls /run")).not.toContain(basename(open));
});

test.skipIf(!isRoot || !networked)(
  "the addresses at which clouds tell credentials are closed, and stay so",
  async () => {
    const script =
      "ip route del prohibit 169.254.0.0/16; ip addr add 169.254.1.1/16 dev tap0; ip route get 169.254.169.254; cat /etc/resolv.conf";
    const said = await apart(script, true);
    expect(said.filter((line) => /Operation not permitted/.test(line))).toHaveLength(2);
    expect(said).toContain("nameserver 10.0.2.3");
    expect(said.join("\n")).toMatch(/Permission denied|prohibited/);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.skipIf(!isRoot)("a program ends with the process that has started it", async () => {
  const worker = `import { runApart } from ${JSON.stringify(new URL("apart.ts", import.meta.url).href)};
    await runApart(${JSON.stringify(folder)}, ["sh", "-c", "echo x > begun; exec sleep ${sleepFor}"], {});`;
  const ended = new AbortController();

  const running = exec([process.execPath, "--input-type=module", "-e", worker], {
    signal: ended.signal,
  });
  running.catch(() => {});
  onTestFinished(() => {
    for (const pid of sleepers()) process.kill(Number(pid), "SIGKILL");
  });
  await expect.poll(() => existsSync(join(folder, "begun")), { timeout: 60_000 }).toBe(true);
  ended.abort(); // by SIGKILL
  await expect(running).rejects.toMatchObject({ code: "cancelled" });
  await expect.poll(sleepers, { timeout: 60_000 }).toEqual([]);
});

/** In seconds: nothing else on the machine sleeps for so long. */
const sleepFor = 4_711_000_000 + process.pid;

function sleepers(): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(`sleep\0${sleepFor}\0`);
    } catch {
      return false;
    }
  });
}
