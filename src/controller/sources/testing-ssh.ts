import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { exec } from "../../lib/process/exec.ts";
import { freePort } from "../../lib/testing.ts";
import type { TestRepository } from "./testing.ts";

export const sshd = "/usr/sbin/sshd";

/** A new key pair without a passphrase; returns the path of the private one. */
export async function sshKey(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await exec(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]);
  return path;
}

/**
 * Serves repositories by sshd(8) to whom has the key. It runs git-shell(1) alone, and ends with this process. /run is one of its own, since sshd wants a
 * folder there. `hostKey`: a private key.
 */
export async function serveBySsh(
  { base, project }: TestRepository,
  { key, hostKey, port }: { readonly key: string; readonly hostKey: string; readonly port?: number },
) {
  const at = port ?? (await freePort());
  const folder = join(base, `sshd-${at}`);
  mkdirSync(folder, { recursive: true });
  const forced = 'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\""';
  writeFileSync(join(folder, "authorized_keys"), `${forced} ${readFileSync(`${key}.pub`, "utf8")}`);
  const settings = [
    ...[`ListenAddress 127.0.0.1:${at}`, `HostKey ${hostKey}`, "PidFile none", "UsePAM no"],
    ...[`AuthorizedKeysFile ${join(folder, "authorized_keys")}`, "StrictModes no"],
    ...["PermitRootLogin forced-commands-only", "AuthenticationMethods publickey", "LogLevel INFO"],
  ];
  writeFileSync(join(folder, "config"), `${settings.join("\n")}\n`);
  const run = `mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec setpriv --pdeathsig TERM ${sshd} -D -e -f ${join(folder, "config")}`;
  const child = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", run], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "close");
  const said: string[] = [];
  const lines = createInterface(child.stderr);
  lines.on("line", (line) => said.push(line));
  while (!said.some((line) => line.startsWith("Server listening on"))) {
    await Promise.race([once(lines, "line"), ended]);
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`sshd ended: ${said.join("\n")}`);
  }
  return {
    url: `ssh://root@127.0.0.1:${at}${project}`,
    port: at,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
