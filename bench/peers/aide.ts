import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { repeat, timed } from "../stats.ts";
import { type Peer, peerFigure, versionOf } from "./peer.ts";

/** Compares every file of the same root file system with a database of digests, as a nightly job does on a server. */
export const measureAide: Peer = async (base, folder) => {
  const version = await versionOf("aide");
  if (version === undefined) return { skipped: "aide is not installed" };
  const own = join(folder, "aide");
  const root = join(own, "bundle");
  await mkdir(own, { mode: 0o700 });
  await exec(["umoci", "unpack", "--image", base.layout, root]);
  const config = join(own, "aide.conf");
  await writeFile(config, configOf(own, join(root, "rootfs")));
  await exec(["aide", "--config", config, "--init"], { accept: "any" });
  await exec(["mv", join(own, "new.db"), join(own, "old.db")]);
  const check = () => exec(["aide", "--config", config, "--check"], { accept: "any" });
  await check();
  const seen = await repeat(7, () => timed(check));
  return { figures: [peerFigure(`aide ${version}`, "check one server for changes", seen)] };
};

function configOf(own: string, root: string): string {
  const database = (name: string) => `file:${join(own, name)}`;
  return [
    `database_in=${database("old.db")}`,
    `database_out=${database("new.db")}`,
    `${root} p+u+g+s+m+c+sha256`,
    "",
  ].join("\n");
}
