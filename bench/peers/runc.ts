import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { repeat, timed } from "../stats.ts";
import { type Peer, peerFigure, versionOf } from "./peer.ts";

/**
 * What Kiln's local platform stands on, alone: no network, no monitor, no record. No tool that starts servers with
 * runc can be faster.
 */
export const measureRunc: Peer = async (base, folder) => {
  const version = await versionOf("runc");
  if (version === undefined) return { skipped: "not installed" };
  const own = join(folder, "runc");
  await exec(["umoci", "unpack", "--image", base.layout, own]);
  await exec(["sed", "-i", 's/"terminal": *true/"terminal":false/', join(own, "config.json")]);
  const runc = (...args: string[]) => run(["--root", join(own, "state"), ...args]);
  const samples = await repeat(10, async (round) => {
    const id = `kb-${round}`;
    const ms = await timed(async () => {
      await runc("create", "--bundle", own, id);
      await runc("start", id);
    });
    await runc("delete", "--force", id);
    return ms;
  });
  return { figures: [peerFigure(`plain runc ${version}`, "create one server", samples)] };
};

/** The container inherits runc's output, so the benchmark must not wait for that to be closed. */
async function run(args: readonly string[]): Promise<void> {
  const [code] = await once(spawn("runc", args, { stdio: "ignore" }), "exit");
  if (code !== 0) throw new Error(`runc ${args.slice(2).join(" ")} exited with ${code}`);
}
