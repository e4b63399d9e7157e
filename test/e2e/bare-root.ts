import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exec } from "../../src/lib/process/exec.ts";
import type { Ran } from "./harness.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const enterScript = fileURLToPath(new URL("enter-bare-root.sh", import.meta.url));
/** Kept between runs, where `KILN_TEST_CACHE` names a folder: what is downloaded, never what came of it. */
const cache = process.env.KILN_TEST_CACHE;

/** A Debian with nothing but its required packages, certificates and git, and this checkout's commit in `/kiln.bundle`. */
export interface BareRoot extends Disposable {
  /** Runs a command line of bash in it, in namespaces of its own, and says how long it took. */
  run(title: string, commandLine: string): Promise<Ran>;
}

/** Why there can be none here, or undefined. */
export function whyNoBareRoot(): string | undefined {
  if (process.getuid?.() !== 0) return "namespaces need root";
  if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun for its network";
  if (sourcesFile() === undefined) return "this machine has no Debian package sources";
  const missing = ["mmdebstrap", "slirp4netns"].filter(
    (name) => spawnSync(name, ["--version"]).error !== undefined,
  );
  return missing.length === 0 ? undefined : `${missing.join(" and ")} is not installed`;
}

/** Takes half a minute, or seconds where its files are cached. */
export async function makeBareRoot(): Promise<BareRoot> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-bare-"));
  try {
    const root = join(folder, "root");
    await timed("make a bare root", () => unpackBase(folder, root));
    // What this machine trusts and asks, so that apt and npm get as far as they do here.
    copyFileSync("/etc/ssl/certs/ca-certificates.crt", join(root, "etc/ssl/certs/ca-certificates.crt"));
    copyFileSync("/etc/resolv.conf", join(root, "etc/resolv.conf"));
    await exec(["git", "-C", checkout, "bundle", "create", "--quiet", join(root, "kiln.bundle"), "HEAD"]);
    return {
      run: (title, commandLine) => timed(title, () => enter(root, commandLine)),
      [Symbol.dispose]: () => removeRoot(folder),
    };
  } catch (error) {
    removeRoot(folder);
    throw error;
  }
}

/** Image files of a run that was ended in the middle are immutable. */
function removeRoot(folder: string): void {
  spawnSync("chattr", ["-R", "-f", "-i", folder]);
  rmSync(folder, { recursive: true, force: true });
}

async function unpackBase(folder: string, root: string): Promise<void> {
  const name = `bare-${codename()}.tar`;
  const base = join(cache ?? folder, name);
  if (!existsSync(base)) {
    mkdirSync(cache ?? folder, { recursive: true });
    const options = join(folder, "apt.conf");
    writeFileSync(options, aptOptions());
    const made = `${base}.new`;
    await exec([
      "mmdebstrap",
      "--quiet",
      "--variant=minbase",
      "--include=ca-certificates,git",
      "--format=tar",
      `--aptopt=${options}`,
      ...[codename(), made, sourcesFile() ?? ""],
    ]);
    await exec(["mv", made, base]);
  }
  mkdirSync(root);
  await exec(["tar", "-C", root, "-xf", base]);
}

function codename(): string {
  return /^VERSION_CODENAME=(.+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
}

/** Debian's own, without what else this machine installs from. */
function sourcesFile(): string | undefined {
  return ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"].find((path) => existsSync(path));
}

/** How this machine reaches its archives: proxies, and whether dates are checked. */
function aptOptions(): string {
  const { stdout } = spawnSync("apt-config", ["dump"], { encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((line) => /^Acquire::(https?::|Check-)[^ ]* "[^"]/.test(line))
    .map((line) => `${line}\n`)
    .join("");
}

function enter(root: string, commandLine: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(enterScript, [root, "bash", "-euo", "pipefail", "-c", commandLine], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const end = () => child.kill("SIGTERM");
    process.once("exit", end);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      process.removeListener("exit", end);
      resolve({ code: code ?? 128, stdout, stderr });
    });
  });
}

async function timed<T>(title: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    console.log(`bare machine: ${title}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}
