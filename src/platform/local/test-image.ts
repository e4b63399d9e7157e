import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Release } from "../../domain/rollout/release.ts";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import { KilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";
import type { HostImage, ImageSource } from "../contract/images.ts";

/** For tests: an image of two layers made from the shell, perl and coreutils that every Debian machine has. */
export interface TestImages extends ImageSource {
  /** Images by digest; a test adds its own. */
  readonly images: Map<string, HostImage>;
}

const commands = "sh perl cat ls sleep id touch dd mknod mount umount unshare env chmod cp true mkdir".split(
  " ",
);

export async function makeTestImages(folder: string): Promise<TestImages> {
  const layers = [await baseLayer(folder), await topLayer(folder)];
  const images = new Map<string, HostImage>();
  const check = async (digest: string) => {
    if (digest === "sha256:gone") throw new KilnError("image_unknown", "There is no such image.");
  };
  return {
    images,
    check,
    open: async (digest) => {
      await check(digest);
      const image = images.get(digest) ?? defaultImage(layers);
      return { ...image, digest, layers: image.layers.length > 0 ? image.layers : layers };
    },
  };
}

/** Runs `script` in the image's shell. Without layers of its own it gets the test image's. */
export function shellImage(script: string, change: Partial<HostImage> = {}): HostImage {
  return { ...defaultImage([]), argv: ["/bin/sh", "-c", script], ...change };
}

function defaultImage(layers: HostImage["layers"]): HostImage {
  return {
    digest: "",
    layers,
    argv: ["/bin/sleep", "1000"],
    env: ["FROM_IMAGE=yes"],
    uid: 1000,
    gid: 1000,
    groups: [],
    workingFolder: "/",
    stopSignal: "TERM",
  };
}

async function baseLayer(folder: string) {
  const content = join(folder, "base");
  for (const name of ["usr/bin", "usr/lib", "etc"]) mkdirSync(join(content, name), { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"])
    symlinkSync(`usr/${name === "sbin" ? "bin" : name}`, join(content, name));
  symlinkSync("lib", join(content, "usr/lib64"));
  for (const command of commands) await copyProgram(`/usr/bin/${command}`, content);
  const perlFolder = (await exec(["/usr/bin/perl", "-e", "print grep { /perl-base$/ } @INC"])).stdout;
  await exec(["cp", "-r", "--parents", perlFolder, content]);
  return makeLayer(folder, "base");
}

async function copyProgram(path: string, content: string): Promise<void> {
  await exec(["cp", "-L", path, join(content, "usr/bin")]);
  const { stdout } = await exec(["ldd", path]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library ?? "");
  for (const library of libraries) {
    const target = join(content, "usr", library.replace(/^\/usr/, ""));
    mkdirSync(join(target, ".."), { recursive: true });
    await exec(["cp", "-L", library, target]);
  }
}

/** With what makes trouble: symbolic links where mounts go, one of them to nowhere. */
async function topLayer(folder: string) {
  const content = join(folder, "top");
  for (const name of ["etc", "var", "srv"]) mkdirSync(join(content, name), { recursive: true });
  symlinkSync("/run", join(content, "var/run"));
  symlinkSync("../run/systemd/resolve/stub-resolv.conf", join(content, "etc/resolv.conf"));
  writeFileSync(join(content, "etc/hosts"), "from the image\n");
  writeFileSync(join(content, "srv/page"), "hello\n");
  writeFileSync(join(content, "srv/legacy-call"), legacyCall, { mode: 0o755 });
  return makeLayer(folder, "top");
}

/** elf(5), x86-64, without sections: `mov eax, 1; xor ebx, ebx; int 0x80`, which is exit(0) as 32-bit programs call it. */
const legacyCall = Buffer.from(
  [
    ...["7f454c4602010100", "0000000000000000", "02003e0001000000", "7800400000000000", "4000000000000000"],
    ...["0000000000000000", "0000000040003800", "0100000000000000"],
    ...["0100000005000000", "0000000000000000", "0000400000000000", "0000400000000000"],
    ...["8100000000000000", "8100000000000000", "0010000000000000"],
    "b80100000031dbcd80",
  ].join(""),
  "hex",
);

async function makeLayer(folder: string, name: string) {
  const file = join(folder, `${name}.erofs`);
  await exec(["mkfs.erofs", file, join(folder, name)]);
  return { file, sha256: createHash("sha256").update(readFileSync(file)).digest("hex") };
}

/** A release that runs the image `digest`. */
export function testRelease(digest: string, shape: Partial<ServerShape> = {}): Release {
  return {
    service: "shop",
    number: 1,
    image: digest,
    version: "1",
    shape: {
      port: undefined,
      env: {},
      memoryBytes: undefined,
      cpus: undefined,
      writable: ["/run", "/tmp"],
      ...shape,
    },
    health: {
      check: { kind: "alive" },
      intervalMs: 1000,
      timeoutMs: 1000,
      ready: 2,
      unready: 3,
      deadlineMs: 1000,
    },
    traffic: undefined,
    secrets: [],
    files: [],
    jobs: [],
    createdAtMs: 0,
    createdBy: "test",
  };
}

/** A release that the router has at `listen`, whose servers answer HTTP at port 8080. */
export function servedRelease(digest: string, listen: number): Release {
  return {
    ...testRelease(digest, { port: 8080 }),
    health: {
      check: { kind: "http", path: "/" },
      intervalMs: 200,
      timeoutMs: 1000,
      ready: 1,
      unready: 50,
      deadlineMs: 30_000,
    },
    traffic: { mode: "http", listen, host: undefined },
  };
}
