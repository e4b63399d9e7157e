import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../../lib/process/exec.ts";

/** For tests that damage a machine's network: whether this process runs in a network of its own. */
export const isInside = process.env.KILN_OWN_NAMESPACES === "1";

/** Runs the test file again in namespaces of its own. Resolves to how that ended. */
export async function runInside(
  file: string,
): Promise<{ readonly code: number | null; readonly said: string }> {
  const vitest = join(import.meta.dirname, "../../../../node_modules/vitest/vitest.mjs");
  const own = ["--net", "--mount", "--propagation=private"];
  const argv = [...own, process.execPath, vitest, "run", "--project=integration", file];
  const ours = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|TEST)/.test(name));
  const env = { ...Object.fromEntries(ours), KILN_OWN_NAMESPACES: "1" };
  const child = spawn("unshare", argv, { env, stdio: ["ignore", "pipe", "pipe"] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, said: Buffer.concat(said).toString() };
}

/** Names of network namespaces of its own, and a link `world` that stands for the way to the world: a namespace `far`. */
export async function furnish(): Promise<void> {
  mkdirSync("/run/netns", { recursive: true });
  await exec(["mount", "-t", "tmpfs", "none", "/run/netns"]);
  await ip(
    "link set lo up",
    "netns add far",
    "link add world type veth peer name far netns far",
    "addr add 192.0.2.2/24 dev world",
    "link set world up",
    "route add default via 192.0.2.1",
    "addr add 2001:db8::2/64 dev world nodad",
    "route add default via 2001:db8::1 dev world",
  );
  const far = ["addr add 192.0.2.1/24 dev far", "addr add 2001:db8::1/64 dev far nodad", "link set far up"];
  await exec(["ip", "-n", "far", "-batch", "-"], { input: far.join("\n") });
}

/** Lines for `ip -batch`. */
export async function ip(...lines: readonly string[]): Promise<void> {
  await exec(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
