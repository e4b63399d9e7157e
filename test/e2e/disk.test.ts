import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, install, kilnPath, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const variables = "/usr/share/OVMF/OVMF_VARS_4M.fd";

function whyNoDisks(): string | undefined {
  if (process.arch !== "x64") return "disks are made for x86-64";
  if (!existsSync("/usr/bin/qemu-system-x86_64")) return "qemu-system-x86 is not installed";
  if (!existsSync("/usr/bin/qemu-img")) return "qemu-utils is not installed";
  return existsSync(firmware) ? whyNoServers() : "ovmf is not installed";
}

const why = whyNoDisks();
if (why !== undefined) console.log(`Skipped: disks that boot, because ${why}.`);

/** Firmware and a kernel whose instructions are translated, on a machine that does much else: a minute was seen. */
const patienceMs = 900_000;

/** A virtual machine that firmware starts from a disk, as clouds do. Nothing that it writes stays. */
class Machine implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(folder: string, disk: string, format: string, port: number) {
    mkdirSync(folder);
    this.port = port;
    this.#folder = folder;
    const argv = [
      ...[
        "-M",
        "q35",
        "-accel",
        "tcg,tb-size=64",
        "-m",
        "256",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
      ],
      ...[
        "-display",
        "none",
        "-serial",
        `file:${folder}/console`,
        "-qmp",
        `unix:${folder}/qmp,server=on,wait=off`,
      ],
      ...["-drive", `if=pflash,unit=0,format=raw,readonly=on,file=${firmware}`],
      ...["-drive", `if=pflash,unit=1,format=raw,snapshot=on,file=${variables}`],
      ...["-drive", `id=disk,if=none,snapshot=on,format=${format},file=${disk}`],
      ...["-device", "virtio-blk-pci,drive=disk,bootindex=0"],
      ...["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:8080`],
      ...["-device", "virtio-net-pci,netdev=net,romfile="],
    ];
    this.#process = spawn("qemu-system-x86_64", argv, { stdio: "inherit" });
    this.#ended = once(this.#process, "exit");
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  console(): string {
    const path = join(this.#folder, "console");
    return existsSync(path) ? readFileSync(path, "latin1").replaceAll("\r", "") : "";
  }

  /** What it answers with 200 on its port; undefined while it does not. */
  page(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const options = { host: "127.0.0.1", port: this.port, timeout: 2000, agent: false };
      const request = get(options, (answer) => {
        text(answer).then(
          (body) => resolve(answer.statusCode === 200 ? body : undefined),
          () => resolve(undefined),
        );
      });
      request.on("timeout", () => request.destroy());
      request.on("error", () => resolve(undefined));
    });
  }

  async pressPowerButton(): Promise<void> {
    const socket = connect(join(this.#folder, "qmp"));
    await once(socket, "connect");
    socket.write('{"execute":"qmp_capabilities"}{"execute":"system_powerdown"}');
    socket.resume();
    await once(socket, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

describe.skipIf(why !== undefined)("an image as a disk", () => {
  let kiln: Installation;
  let shop: LittleService;
  let out: string;
  const disk = (...args: readonly string[]) => kiln.run(["image", "disk", ...args], { cwd: out });

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", {
      command: JSON.stringify([
        "/bin/busybox",
        "sh",
        "-c",
        "trap exit TERM; /bin/busybox touch /www/written; /bin/busybox httpd -f -p $PORT -h /www & wait",
      ]),
    });
    await kiln.ok(["build"], { cwd: shop.folder });
    out = await kiln.project({});
    mkdirSync(out);
    await kiln.ok(["image", "disk", "shop:1", "--variable", "PORT=8080", "--writable", "/tmp"], { cwd: out });
  }, patienceMs);
  afterAll(() => kiln?.[Symbol.asyncDispose]());

  test(
    "boots, serves its page, cannot be written to, and ends with the power button",
    async () => {
      await kiln.ok(
        ["image", "disk", "shop:1", "--variable", "PORT=8080", "--writable", "/tmp", "--format", "qcow2"],
        { cwd: out },
      );
      await exec(["qemu-img", "check", "-q", "shop-1.qcow2"], { cwd: out });
      await exec(["qemu-img", "compare", "-q", "shop-1.raw", "shop-1.qcow2"], { cwd: out });
      await using machine = new Machine(
        join(out, "whole"),
        join(out, "shop-1.qcow2"),
        "qcow2",
        await freePort(),
      );
      const serves = async () => (await machine.page()) === "one" || !machine.isRunning;
      await waitUntil(serves, patienceMs, "the machine serves").catch((error) => {
        throw new Error(machine.console(), { cause: error });
      });
      expect(machine.console()).toContain("Read-only file system");
      await machine.pressPowerButton();
      await waitUntil(() => !machine.isRunning, patienceMs, "the machine is off");
      expect(machine.console()).toMatch(/kiln: the power button was pressed\n(.*\n)*kiln: exit \d+\n/);
    },
    patienceMs,
  );

  test(
    "stops when one byte of it was changed",
    async () => {
      const altered = readFileSync(join(out, "shop-1.raw"));
      const program = readFileSync(join(shop.folder, "busybox")).subarray(0, 64); // of a longer one, a search takes a minute
      const at = altered.indexOf(program) + 200;
      expect(at).toBeGreaterThan(200);
      altered[at] = (altered[at] ?? 0) ^ 1;
      writeFileSync(join(out, "altered.raw"), altered);
      await using machine = new Machine(
        join(out, "altered"),
        join(out, "altered.raw"),
        "raw",
        await freePort(),
      );
      const stopped = () => /Kernel panic.*verity/.test(machine.console()) || !machine.isRunning;
      await waitUntil(stopped, patienceMs, "the machine has stopped");
      expect(machine.console()).toMatch(/verity: .*block \d+ is corrupted/);
      expect(machine.console()).not.toContain("kiln: exit");
    },
    patienceMs,
  );

  test(
    "is the same in another folder, with another umask and in another time zone",
    async () => {
      await using other = await install();
      mkdirSync(join(other.home, "machine"), { recursive: true });
      cpSync(join(kiln.home, "machine/kiln.lock"), join(other.home, "machine/kiln.lock"));
      cpSync(join(kiln.home, "cache/packages"), join(other.home, "cache/packages"), { recursive: true });
      const script = [
        "umask 077",
        `cd ${shop.folder}`,
        `${kilnPath} build`,
        `${kilnPath} image disk shop:1 --variable PORT=8080 --writable /tmp --output ../again.raw`,
      ];
      const env = { KILN_HOME: other.home, TZ: "Asia/Kathmandu", PATH: process.env.PATH ?? "" };
      await exec(["sh", "-ec", script.join("\n")], { env });
      expect(await sha256(join(shop.folder, "../again.raw"))).toBe(await sha256(join(out, "shop-1.raw")));
    },
    patienceMs,
  );

  test("says what is wrong, and then there is no new file", async () => {
    const before = readdirSync(out);
    const full = join(out, "full");
    mkdirSync(full);
    await exec(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", full]);
    try {
      for (const [args, code, words] of [
        [["shop:7"], 1, "[image_unknown]"],
        [["shop:1"], 2, "already exists"],
        [["shop:1", "--format", "iso"], 2, "Allowed choices are raw, qcow2, vmdk, vhd, gce"],
        [["shop:1", "--output", "no/such.raw"], 2, "the folder does not exist"],
        [["shop:1", "--output", "full"], 2, "is not a file"],
        [["shop:1", "--output", "full/shop.raw"], 1, "1 MiB left; the disk takes"],
        [["shop:1", "--output", "x.raw", "--writable", "run"], 2, "expected an absolute path"],
        [["shop:1", "--output", "x.raw", "--variable", "PORT"], 2, "expected NAME=VALUE"],
      ] as const) {
        const ran = await disk(...args);
        expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(words)]);
      }
      expect(readdirSync(full)).toEqual([]);
    } finally {
      await exec(["umount", full]);
    }
    expect(readdirSync(out)).toEqual([...before, "full"].sort());
  });
});
