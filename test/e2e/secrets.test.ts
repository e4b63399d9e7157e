import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { History, SecretVersion } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { type Installation, install, type RunOptions, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: secrets from end to end, because ${why}.`);

/** Serves its own root, so that what a server was given can be read from outside. */
const script = "printf %s $TOKEN > /tmp/token; trap exit TERM; /bin/busybox httpd -f -p 8080 -h / & wait";
const values = ["the-first-password", "the-second-password", "the-token-of-all"] as const;
const [first, second, token] = values;
/** Not a secret to Kiln, but not for others either. */
const plain = "the-value-of-a-variable";

describe.skipIf(why !== undefined)("secrets and configuration files, from end to end", () => {
  let kiln: Installation;
  let shop: LittleService;
  /** All that commands have printed. */
  let printed = "";
  const run = async (args: readonly string[], options: RunOptions = {}) => {
    const ran = await kiln.run(args, { cwd: shop.folder, ...options });
    printed += ran.stdout + ran.stderr;
    return ran;
  };
  const ok = async (args: readonly string[], options: RunOptions = {}) => {
    const ran = await run(args, options);
    expect([args, ran.code, ran.code === 0 ? "" : ran.stdout + ran.stderr]).toEqual([args, 0, ""]);
    return ran.stdout;
  };
  const set = (name: string, input: string) => ok(["secret", "set", name], { input });
  const read = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${shop.port}${path}`);
    return answer.ok ? answer.text() : `status ${answer.status}`;
  };
  const given = () =>
    Promise.all(["/run/secrets/PASSWORD", "/tmp/token", "/etc/shop/shop.conf"].map((path) => read(path)));
  /** Files of the installation that hold a value. */
  const holders = async () => {
    const forms = values.flatMap((value) => [value, Buffer.from(value).toString("base64").slice(0, 20)]);
    const patterns = forms.flatMap((form) => ["-e", form]);
    const argv = ["grep", "-rlaF", "--devices=skip", ...patterns, kiln.home] as const;
    const { stdout } = await exec([...argv], { accept: [0, 1] });
    return stdout.split("\n").filter(Boolean);
  };

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", {
      command: JSON.stringify(["/bin/busybox", "sh", "-c", script]),
    });
    const file = join(shop.folder, "kiln.yaml");
    const servers = `servers:
  count: 2
  port: 8080
  writable: [/run, /tmp]
  env: { PLAIN: ${plain} }
  secrets: [PASSWORD, { name: TOKEN, env: TOKEN }]
  files: [{ from: ./shop.conf, to: /etc/shop/shop.conf }]`;
    const text = await readFile(file, "utf8");
    await writeFile(
      file,
      text.replace(/^servers:.*$/m, servers).replace("http: /,", "http: /www/index.html,"),
    );
    await writeFile(join(shop.folder, "shop.conf"), "colour = red\n");
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("a deploy names all secrets that are missing, and makes nothing", async () => {
    const { code, stdout } = await run(["deploy", "--json"]);
    expect([code, JSON.parse(stdout).error]).toMatchObject([
      3,
      { code: "secret_missing", message: "shop lacks the secrets PASSWORD, TOKEN." },
    ]);
    expect(JSON.parse(await ok(["status", "--json"]))).toEqual([]);
    expect(JSON.parse(await ok(["images", "--json"]))).toEqual([]);
  });

  test("with them, servers get both, and the file", async () => {
    await set("PASSWORD", `${first}\n`);
    expect(await set("TOKEN", token)).toContain("TOKEN of shop is now at version 1.");
    await ok(["deploy"]);
    expect(await given()).toEqual([first, token, "colour = red\n"]);
  });

  test("a new value and a new file make a new release; the same value does not", async () => {
    expect(await set("PASSWORD", first)).toContain("already has that value");
    expect(await ok(["deploy"])).toContain("Nothing to do");
    await set("PASSWORD", second);
    expect(await read("/run/secrets/PASSWORD")).toBe(first);
    await writeFile(join(shop.folder, "shop.conf"), "colour = blue\n");
    expect(await ok(["plan"])).toMatch(/secret PASSWORD: changed\s+file \/etc\/shop\/shop\.conf: changed/);
    await ok(["deploy"]);
    expect(await given()).toEqual([second, token, "colour = blue\n"]);
  });

  test("a server that is made again gets the version of its release", async () => {
    await set("PASSWORD", "a third one");
    await ok(["scale", "3"]);
    expect(await Promise.all([1, 2, 3, 4, 5, 6].map(() => read("/run/secrets/PASSWORD")))).toEqual(
      Array(6).fill(second),
    );
    await ok(["scale", "2"]);
  });

  test("without its key a rollback is refused, and what runs keeps running", async () => {
    const key = join(kiln.home, "secrets.key");
    await rename(key, `${key}.away`);
    const missing = await run(["rollback"]);
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining("secrets.key is missing")]);
    await rename(`${key}.away`, key);
    await chmod(key, 0o644);
    expect((await run(["rollback"])).stderr).toContain("has mode 0644");
    await chmod(key, 0o600);
    expect(await given()).toEqual([second, token, "colour = blue\n"]);
  });

  test("a rollback brings the old value and the old file back", async () => {
    await ok(["rollback"]);
    expect(await given()).toEqual([first, token, "colour = red\n"]);
    const secrets = JSON.parse(await ok(["secret", "ls", "--json"])) as readonly SecretVersion[];
    expect(secrets.map(({ name, version, releases }) => [name, version, releases])).toEqual([
      ["PASSWORD", 1, [1]],
      ["PASSWORD", 2, [2]],
      ["PASSWORD", 3, []],
      ["TOKEN", 1, [1, 2]],
    ]);
    const refused = await run(["secret", "rm", "PASSWORD"]);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/release 1 .*release 2 /)]);
  });

  test("no value is anywhere else: disk, arguments, output, history", async () => {
    const history = JSON.parse(await ok(["history", "--json"])) as History;
    expect(history.rollouts.flatMap(({ changes }) => changes ?? [])).toContain("secret PASSWORD: changed");
    await ok(["audit", "--tail", "all"]);
    await ok(["logs"]);
    const memory = new RegExp(`^${kiln.home}/servers/shop-[\\d-]+/secrets/folder/PASSWORD$`);
    expect(await holders()).toEqual([expect.stringMatching(memory), expect.stringMatching(memory)]);
    const seen = printed + (await exec(["ps", "-eo", "args"])).stdout;
    expect(values.filter((value) => seen.includes(value))).toEqual([]);
  });

  test("a bundle for debugging has what happened, and neither secrets nor keys", async () => {
    const file = join(kiln.home, "../bundle.tar.gz");
    expect(await ok(["debug", "bundle", "--output", file])).toContain("router/haproxy.cfg");
    const { stdout: text } = await exec(["tar", "-xzOf", file]);
    const parts = ['"running": true', '"rollout.completed"', `:${shop.port}`, "the controller has started"];
    expect(parts.filter((part) => !text.includes(part))).toEqual([]);
    const keys = await Promise.all(
      ["audit.key", "secrets.key"].map((name) => readFile(join(kiln.home, name))),
    );
    const ofKeys = keys.flatMap((key) => [
      key.toString("base64"),
      key.toString("hex"),
      ...key.toString().split("\n"),
    ]);
    const private_ = [
      ...values,
      plain,
      ...ofKeys.filter((line) => line.length > 20 && !line.startsWith("-----")),
    ];
    expect(private_.filter((value) => text.includes(value))).toEqual([]);
  });

  test("the service goes without its secrets, and they go when asked", async () => {
    await ok(["remove", "--yes"]);
    await waitUntil(
      async () => (await readFile("/proc/self/mountinfo", "utf8")).includes(`${kiln.home}/`) === false,
      15_000,
      "nothing of it is mounted",
    );
    for (const name of ["PASSWORD", "TOKEN"]) await ok(["secret", "rm", name]);
    expect(JSON.parse(await ok(["secret", "ls", "--json"]))).toEqual([]);
  });
});
