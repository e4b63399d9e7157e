import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { clientOf, dockerRegistry, registryUser } from "../../../image/registry/testing.ts";
import { putManifest } from "../../../image/registry/upload.ts";
import { KilnError } from "../../../lib/errors.ts";
import { digestOf } from "../../../lib/files/sha256.ts";
import type { Client, ControllerStatus } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const missing = ["docker-registry"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

const spec = `service: shop
image: { version: 1.4.0, from: scratch, files: [{ from: ./hello, to: /hello, mode: "0755" }], command: [/hello] }
`;

test.skipIf(missing.length > 0)(
  "what one machine builds and pushes, another one pulls and deploys, by the same digest",
  async () => {
    const folder = mkdtempSync("/tmp/kiln-");
    try {
      await using real = await dockerRegistry(join(folder, "registry"));
      writeFileSync(join(folder, "hello"), "hello\n");
      writeFileSync(join(folder, "kiln.yaml"), spec);
      const here = { cwd: folder, home: join(folder, "here") };
      const there = { cwd: folder, home: join(folder, "there") };
      const built = JSON.parse((await cli(["build", "--json"], here)).stdout);
      const name = `http://${real.host}/team/shop`;
      const pushed = await cli(["image", "push", "shop:1.4.0", name, "--json"], here);
      expect(JSON.parse(pushed.stdout)).toMatchObject({ digest: built.digest });
      const pulled = await cli(["image", "pull", `${name}:1.4.0`, "--json"], there);
      expect(JSON.parse(pulled.stdout)).toMatchObject({
        service: "shop",
        version: "1.4.0",
        digest: built.digest,
      });
      const asked: unknown[] = [];
      const client: Partial<Client> = {
        info: async () =>
          ({ readiness: { usable: true, gaps: [], facts: [] } }) as unknown as ControllerStatus,
        check: async () => ({ commit: undefined }),
        deploy: async ({ draft }) => {
          asked.push([draft.version, draft.image]);
          throw new KilnError("port_taken", "Enough is seen.");
        },
      };
      writeFileSync(join(folder, "hello"), "changed\n"); // a build would make another image
      await cli(["deploy", "--image", "1.4.0"], { ...there, client });
      await cli(["deploy", "--image", built.digest], { ...there, client });
      expect(asked).toEqual([
        ["1.4.0", built.digest],
        ["1.4.0", built.digest],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.skipIf(missing.length > 0)("who has logged in pushes and pulls, until the logout", async () => {
  const folder = mkdtempSync("/tmp/kiln-");
  try {
    await using real = await dockerRegistry(join(folder, "registry"), { login: true });
    writeFileSync(join(folder, "hello"), "hello\n");
    writeFileSync(join(folder, "kiln.yaml"), spec);
    const here = { cwd: folder, home: join(folder, "here"), env: { HOME: folder } };
    const registry = `http://${real.host}`;
    const { name, password } = registryUser;
    const login = (stdin: string) => cli(["registry", "login", registry, "-u", name], { ...here, stdin });
    await cli(["build"], here);
    const push = () => cli(["image", "push", "shop:1.4.0", `${registry}/team/shop`], here);
    expect(await push()).toMatchObject({ code: 1, stderr: expect.stringContaining("kiln registry login") });
    expect(await login("wrong")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("registry_denied"),
    });
    expect(JSON.parse((await cli(["registry", "ls", "--json"], here)).stdout)).toEqual([]);
    const { code, stdout, stderr } = await login(`${password}\n`);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`knows ${name}`)]);
    expect(stdout + stderr).not.toContain(password);
    expect((await push()).code).toBe(0);
    const listed = await cli(["registry", "ls"], here);
    expect(listed.stdout).toMatch(new RegExp(`${real.host} +${name} +${folder}/.docker/config.json`));
    expect((await cli(["registry", "logout", registry], here)).code).toBe(0);
    expect((await push()).code).toBe(1);
    const again = await cli(["registry", "logout", registry], here);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("kiln registry ls") });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(missing.length > 0)(
  "an image goes from one registry to another with its digest, its index and its signatures",
  async () => {
    const folder = mkdtempSync("/tmp/kiln-");
    try {
      await using from = await dockerRegistry(join(folder, "from"));
      await using to = await dockerRegistry(join(folder, "to"));
      writeFileSync(join(folder, "hello"), "hello\n");
      writeFileSync(join(folder, "kiln.yaml"), spec);
      const at = { cwd: folder, home: join(folder, "home") };
      const json = async (...argv: string[]) => {
        const done = await cli([...argv, "--json"], at);
        expect(done).toMatchObject({ code: 0 });
        return JSON.parse(done.stdout);
      };
      const { digest } = await json("build");
      for (const name of ["release.key", "index.key"]) await json("image", "key", name);
      await json("image", "sign", "shop:1.4.0", "--key", "release.key");
      const source = `http://${from.host}/team/shop`;
      const target = `http://${to.host}/live/shop`;
      await json("image", "copy", "shop:1.4.0", source);
      const copied = await json("image", "copy", `${source}:1.4.0`, target);
      expect(copied).toMatchObject({ digest, attached: 1, reference: `${to.host}/live/shop:1.4.0` });
      expect(copied.sentBytes).toBeGreaterThan(0);
      await json("image", "verify", `${target}:1.4.0`, "--key", "release.key.pub");
      const again = await json("image", "copy", `${source}@${digest}`, `${target}:again`);
      expect(again).toMatchObject({ digest, sentBytes: 0 });

      const client = clientOf(from.host, "team/shop:1.4.0");
      const { mediaType, bytes } = await client.manifest("1.4.0");
      const platform = { os: "linux", architecture: "amd64" };
      const index = JSON.stringify({
        ...{ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" },
        manifests: [{ mediaType, digest, size: bytes.length, platform }],
      });
      const whole = { bytes: Buffer.from(index), mediaType: "application/vnd.oci.image.index.v1+json" };
      await putManifest(client, "all", whole);
      const other = `http://${to.host}/other/shop`;
      expect(await json("image", "copy", `${source}:all`, other)).toMatchObject({
        ...{ digest: digestOf(index), manifests: 2, attached: 1 },
      });
      expect((await clientOf(to.host, "other/shop:all").manifest("all")).bytes.toString()).toBe(index);
      await json("image", "verify", `${other}@${digest}`, "--key", "release.key.pub");
      await json("image", "copy", `${other}:all`, "copy:2");
      expect(await json("image", "verify", "copy:2", "--key", "release.key.pub")).toMatchObject({ digest });
      const none = await cli(["image", "copy", `${source}:none`, target], at);
      expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("has no none of team/shop") });
      const left = readdirSync(join(folder, "home/cache/registry"));
      expect(left.filter((name) => !name.startsWith("lock-"))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.each([
  [["image", "copy", "shop:1", "shop:2"], "both in the image store"],
  [["image", "copy", "registry.example/shop", "other.example/shop"], "a tag or a digest"],
  [["image", "copy", "registry.example/shop:1", "other.example/shop@sha256:1"], "does not name an image"],
  [["image", "copy", "registry.example/shop:1", "shop"], "SERVICE:VERSION"],
  [["registry", "login", "registry.example/team", "-u", "ann"], "expected its host"],
  [["registry", "login", "http://registry.example", "-u", "ann"], "leave out `http://`"],
  [["registry", "login", "registry.example", "-u", "a:b"], "has a colon"],
  [["registry", "login", "registry.example", "-u", "ann"], "The password is empty"],
  [["registry", "login", "registry.example"], "--username"],
  [["image", "push", "shop:1", "shop"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/shop"], "expected a tag or a digest"],
  [["image", "pull", "http://registry.example/shop:1"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/My_Shop:1"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/a.b:1"], "--as shop:1.4.0"],
])("%j is wrong usage", async (argv, words) => {
  const { code, stderr } = await cli(argv, { home: "/tmp/kiln-none" });
  expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
});
