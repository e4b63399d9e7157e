import { createHash } from "node:crypto";
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import { firmware, Machine } from "./disk-machine.ts";
import { type Installation, install, kilnPath, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

function whyNoDisks(): string | undefined {
  if (process.arch !== "x64") return "disks are made for x86-64";
  if (!existsSync("/usr/bin/qemu-system-x86_64")) return "qemu-system-x86 is not installed";
  if (!existsSync("/usr/bin/qemu-img")) return "qemu-utils is not installed";
  return existsSync(firmware.secure) ? whyNoServers() : "ovmf is not installed";
}

const why = whyNoDisks();
if (why !== undefined) console.log(`Skipped: disks that boot, because ${why}.`);

/** Firmware and a kernel whose instructions are translated, on a machine that does much else: a minute was seen. */
const patienceMs = 900_000;

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
      await using machine = new Machine({
        ...{ folder: join(out, "whole"), disk: join(out, "shop-1.qcow2"), format: "qcow2" },
        port: await freePort(),
      });
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

  describe("with Secure Boot", () => {
    const wanted = ["--variable", "PORT=8080", "--writable", "/tmp"];
    const variables = () => join(out, "variables.fd");

    /** The machine that firmware with the enrolled keys makes of these bytes. */
    async function machineOf(name: string, bytes: Buffer): Promise<Machine> {
      const path = join(out, `${name}.raw`);
      writeFileSync(path, bytes);
      const options = { folder: join(out, name), disk: path, format: "raw", variables: variables() };
      return new Machine({ ...options, port: await freePort() });
    }

    function changed(bytes: Buffer, words: string | Buffer, offset: number): Buffer {
      const altered = Buffer.from(bytes);
      const at = altered.indexOf(words) + offset;
      expect(at).toBeGreaterThan(offset);
      altered[at] = (altered[at] ?? 0) ^ 1;
      return altered;
    }

    beforeAll(async () => {
      await kiln.ok(["image", "boot-keys", "keys"], { cwd: out });
      await disk("shop:1", ...wanted, "--format", "uki");
      const sign = [
        "image",
        "sign-disk",
        "shop-1.efi",
        "--key",
        "keys/db.key",
        "--certificate",
        "keys/db.pem",
      ];
      await kiln.ok(sign, { cwd: out });
      await kiln.ok([...sign, "--output", "again.p7s"], { cwd: out });
      expect(await sha256(join(out, "again.p7s"))).toBe(await sha256(join(out, "shop-1.efi.p7s")));
      const args = ["--signature", "shop-1.efi.p7s", "--output", "signed.raw"];
      await kiln.ok(["image", "disk", "shop:1", ...wanted, ...args], { cwd: out });
      await enrol();
    }, patienceMs);

    /** systemd-boot(7) hands the keys to the firmware, as a person would in its menu, and starts the machine again. */
    async function enrol(): Promise<void> {
      const esp = join(out, "esp");
      const keys = join(esp, "loader/keys/kiln");
      mkdirSync(join(esp, "EFI/BOOT"), { recursive: true });
      mkdirSync(keys, { recursive: true });
      for (const name of ["PK", "KEK", "db"])
        cpSync(join(out, `keys/${name}.auth`), join(keys, `${name}.auth`));
      writeFileSync(join(esp, "loader/loader.conf"), "secure-boot-enroll force\ntimeout 0\n");
      const lock = readFileSync(join(kiln.home, "machine/kiln.lock"), "utf8");
      const [, digest] = /"systemd-boot-efi",.*"sha256":"(\w+)"/.exec(lock) ?? [];
      const deb = join(kiln.home, `cache/packages/debs/${digest}.deb`);
      await exec(["dpkg-deb", "-x", deb, join(out, "boot")]);
      cpSync(
        join(out, "boot/usr/lib/systemd/boot/efi/systemd-bootx64.efi"),
        join(esp, "EFI/BOOT/BOOTX64.EFI"),
      );
      cpSync(firmware.variables, variables());
      const machineOptions = { folder: join(out, "enrol"), disk: `fat:${esp}`, format: "raw" };
      const port = await freePort();
      await using machine = new Machine({
        ...machineOptions,
        port,
        variables: variables(),
        keepsVariables: true,
      });
      await waitUntil(() => !machine.isRunning, patienceMs, "the keys are enrolled");
      expect(machine.console()).toContain("Enrolling secure boot keys");
    }

    test(
      "boots when it is signed, and stops when one byte of a layer was changed",
      async () => {
        const bytes = readFileSync(join(out, "signed.raw"));
        await using whole = await machineOf("whole-signed", bytes);
        const program = readFileSync(join(shop.folder, "busybox")).subarray(0, 64); // of a longer one, a search takes a minute
        await using altered = await machineOf("altered-layer", changed(bytes, program, 200));
        const serves = async () => (await whole.page()) === "one" || !whole.isRunning;
        await waitUntil(serves, patienceMs, "the machine serves");
        expect(whole.isRunning).toBe(true);
        const stopped = () => /Kernel panic.*verity/.test(altered.console()) || !altered.isRunning;
        await waitUntil(stopped, patienceMs, "the machine has stopped");
        expect(altered.console()).toMatch(/verity: .*block \d+ is corrupted/);
        expect(altered.console()).not.toContain("kiln: exit");
      },
      patienceMs,
    );

    test(
      "does not boot without a signature, nor with another command line for the kernel",
      async () => {
        const bytes = readFileSync(join(out, "signed.raw"));
        await using unsigned = await machineOf("unsigned", readFileSync(join(out, "shop-1.raw")));
        await using altered = await machineOf(
          "altered-line",
          changed(bytes, "console=tty0 console=ttyS0", 0),
        );
        for (const machine of [unsigned, altered]) {
          const decided = () => /Access Denied|kiln: booted/.test(machine.console());
          await waitUntil(decided, patienceMs, "the firmware has decided");
          expect(machine.console()).not.toContain("kiln: booted");
        }
      },
      patienceMs,
    );

    test("says what is wrong with keys and signatures", async () => {
      await kiln.ok(["image", "boot-keys", "others"], { cwd: out });
      writeFileSync(join(out, "cut.p7s"), readFileSync(join(out, "shop-1.efi.p7s")).subarray(0, 600));
      const key = ["--key", "keys/db.key", "--certificate", "others/db.pem"];
      for (const [args, code, words] of [
        [
          ["disk", "shop:1", ...wanted, "--output", "x.raw", "--signature", "cut.p7s"],
          1,
          "is not a signature",
        ],
        [
          ["disk", "shop:1", "--output", "x.raw", "--signature", "shop-1.efi.p7s"],
          1,
          "is of another program",
        ],
        [["disk", "shop:1", "--output", "x.raw", "--signature", "none.p7s"], 2, "cannot be read (ENOENT)"],
        [["sign-disk", "shop-1.efi", "--output", "x.p7s", ...key], 2, "does not belong to the certificate"],
        [
          ["sign-disk", "shop-1.raw", "--output", "x.p7s", ...key],
          1,
          "not a program that UEFI firmware starts",
        ],
      ] as const) {
        const ran = await kiln.run(["image", ...args], { cwd: out });
        expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(words)]);
      }
      expect(readdirSync(out).filter((name) => name.startsWith("x."))).toEqual([]);
    });
  });

  describe.skipIf(!existsSync("/usr/bin/packer"))("with the templates for Packer", () => {
    const packer = async (template: string, ...vars: readonly string[]) => {
      const file = fileURLToPath(new URL(`../../contrib/packer/${template}`, import.meta.url));
      const programs = join(out, "programs");
      mkdirSync(programs, { recursive: true });
      writeFileSync(join(programs, "kiln"), `#!/bin/sh\nexec ${kilnPath} "$@"\n`, { mode: 0o755 });
      const env = {
        KILN_HOME: kiln.home,
        CHECKPOINT_DISABLE: "1",
        PACKER_CONFIG_DIR: programs,
        PACKER_CACHE_DIR: programs,
      };
      const args = ["build", ...vars.flatMap((one) => ["-var", one]), file];
      await exec(["packer", ...args], { cwd: out, env: { ...env, PATH: `${programs}:/usr/bin:/bin` } });
    };

    test(
      "is an artifact, and what a build makes is an image",
      async () => {
        await kiln.ok(["image", "disk", "shop:1", "--output", "plain.raw"], { cwd: out });
        await packer("disk.pkr.hcl", "image=shop:1");
        const digest = await sha256(join(out, "plain.raw"));
        expect(readFileSync(join(out, "disk.sha256"), "utf8")).toBe(`${digest}\tdisk.raw\n`);
        mkdirSync(join(out, "root/bin"), { recursive: true });
        cpSync(join(shop.folder, "busybox"), join(out, "root/bin/busybox"));
        await packer("import.pkr.hcl", "root=root", "as=web:1", "command=/bin/busybox httpd -f");
        const { stdout } = await kiln.ok(["image", "show", "web:1", "--json"]);
        expect(stdout).toContain('"/bin/busybox"');
      },
      patienceMs,
    );
  });

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
        [["shop:1", "--format", "iso"], 2, "Allowed choices are raw, qcow2, vmdk, vhd, gce, uki"],
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
