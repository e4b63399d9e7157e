import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { GitSource } from "../../domain/source.ts";
import { exec } from "../../lib/process/exec.ts";
import { Repository } from "./repository.ts";
import { aRepository } from "./testing.ts";
import { serveBySsh, sshd, sshKey } from "./testing-ssh.ts";

function whyNot(): string | undefined {
  if (!existsSync(sshd)) return "openssh-server is not installed";
  const canMount = spawnSync("unshare", ["--mount", "--propagation", "private", "true"]).status === 0;
  return canMount ? undefined : "this user cannot make a mount namespace";
}

const why = whyNot();
if (why !== undefined) console.log(`Skipped: a repository over ssh, because ${why}.`);

test.skipIf(why !== undefined)(
  "a repository is fetched over ssh with the right key from the right host, and what is wrong is said with its remedy",
  async () => {
    using repository = await aRepository();
    const { base } = repository;
    const id = await repository.commit({ "kiln.yaml": "service: shop\n" });
    const [key, hostKey] = [await sshKey(base, "key"), await sshKey(base, "host")];
    const knownHosts = join(base, "known_hosts");
    const source: Omit<GitSource, "url"> = {
      ...{ service: "shop" as GitSource["service"], branch: "main", path: ".", intervalMs: 60_000 },
      ...{ addedAtMs: 0, addedBy: "ada", nextLookAtMs: 0, credentials: key, knownHosts },
      ...{ hold: undefined, head: undefined, lookedAtMs: undefined, deployed: undefined, failing: undefined },
    };
    const sources = join(base, "sources");
    const opened = (url: string, more: Partial<GitSource> = {}) =>
      new Repository(sources, { ...source, url, ...more }, new AbortController().signal);
    let port: number;
    let url: string;
    {
      await using server = await serveBySsh(repository, { key, hostKey });
      ({ port, url } = server);
      writeFileSync(knownHosts, "");
      await expect(opened(url).head()).rejects.toMatchObject({
        code: "source_unreachable",
        message: expect.stringContaining(`${knownHosts} has no key of [127.0.0.1]:${port}`),
        hint: expect.stringContaining(`\`ssh-keyscan -p ${port} 127.0.0.1\` prints its keys.`),
      });
      appendFileSync(
        knownHosts,
        (await exec(["ssh-keyscan", "-T", "60", "-t", "ed25519", "-p", `${port}`, "127.0.0.1"])).stdout,
      );
      const good = opened(url);
      expect(await good.head()).toBe(id);
      expect((await good.fetch(id, { rewritten: false })).commit.id).toBe(id);
      expect(readFileSync(join(await good.checkOut(id), "kiln.yaml"), "utf8")).toBe("service: shop\n");

      const foreign = await sshKey(base, "foreign");
      await expect(opened(url, { credentials: foreign }).head()).rejects.toMatchObject({
        code: "source_unreachable",
        message: expect.stringContaining(`does not accept the key in ${foreign}`),
        hint: expect.stringContaining(`\`ssh-keygen -y -f ${foreign}\``),
      });
      const noKey = join(base, "no-key");
      writeFileSync(noKey, "s3cret\n", { mode: 0o600 });
      const unread = opened(url, { credentials: noKey }).head();
      await expect(unread).rejects.toMatchObject({
        code: "source_unreachable",
        message: expect.stringContaining(`${noKey} holds no private key that ssh can read`),
      });
      await expect(unread).rejects.not.toMatchObject({ message: expect.stringContaining("s3cret") });
      chmodSync(foreign, 0o644);
      await expect(opened(url, { credentials: foreign }).head()).rejects.toMatchObject({
        code: "source_invalid",
        message: expect.stringContaining("has mode 0644"),
        hint: expect.stringContaining("chmod 600"),
      });
      await expect(opened(`${url}-none`).head()).rejects.toMatchObject({
        message: expect.stringContaining("does not appear to be a git repository"),
      });
    }
    await expect(opened(url).head()).rejects.toMatchObject({
      code: "source_unreachable",
      message: expect.stringContaining("Connection refused"),
      hint: expect.stringContaining("Kiln tries again by itself."),
    });
    const another = await sshKey(base, "another");
    const print = (await exec(["ssh-keygen", "-l", "-f", another])).stdout.split(" ")[1];
    await using _ = await serveBySsh(repository, { key, hostKey: another, port });
    await expect(opened(url).head()).rejects.toMatchObject({
      code: "source_unreachable",
      message: expect.stringContaining(
        `[127.0.0.1]:${port} has another key (${print}) than ${knownHosts} says`,
      ),
      hint: expect.stringContaining("Compare the key with those that the host publishes."),
    });
  },
);
