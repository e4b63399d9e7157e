import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../../lib/process/exec.ts";

/** The image of the container that holds a pod's namespaces, as `pause.tar` in the folder. */
export async function writePause(folder: string, programs: string): Promise<void> {
  const image = join(folder, "pause");
  mkdirSync(join(image, "root"), { recursive: true });
  cpSync(join(programs, "pause"), join(image, "root/pause"));
  await exec([
    "tar",
    "-C",
    join(image, "root"),
    "--owner=0",
    "--group=0",
    "-cf",
    join(image, "layer.tar"),
    "pause",
  ]);
  const { stdout: sum } = await exec(["sha256sum", join(image, "layer.tar")]);
  const config = {
    ...{ architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" },
    config: { Entrypoint: ["/pause"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${sum.slice(0, 64)}`] },
  };
  writeFileSync(join(image, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: ["kiln.test/pause:1"], Layers: ["layer.tar"] }];
  writeFileSync(join(image, "manifest.json"), JSON.stringify(manifest));
  const names = ["manifest.json", "config.json", "layer.tar"];
  await exec(["tar", "-C", image, "-cf", join(folder, "pause.tar"), ...names]);
}

/** The key of service accounts, and the API server's own with its certificate, which is good for a registry of the machine too. */
export async function writeKeys(folder: string, addresses: readonly string[]): Promise<void> {
  const at = (name: string) => join(folder, name);
  await exec(["openssl", "genrsa", "-out", at("accounts.key"), "2048"]);
  await exec([
    ...([
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=kiln-test",
    ] as const),
    ...["-addext", `subjectAltName=${addresses.map((address) => `IP:${address}`).join(",")}`],
    ...["-keyout", at("server.key"), "-out", at("server.pem")],
  ]);
}
