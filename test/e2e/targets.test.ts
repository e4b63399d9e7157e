import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus, TargetStatus } from "../../src/controller/operations.ts";
import type { ErrorJson } from "../../src/lib/errors.ts";
import { TestEngine, whyNoEngine } from "../../src/platform/docker/engine/test-engine.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: targets from end to end, because ${why}.`);

describe.skipIf(why !== undefined)("targets, from end to end", () => {
  let kiln: Installation;
  let shop: LittleService;
  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", { count: 1 });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  async function refused(...args: readonly string[]): Promise<ErrorJson & { readonly exit: number }> {
    const { code, stdout } = await kiln.run([...args, "--json"], { cwd: shop.folder });
    const { error } = JSON.parse(stdout) as { readonly error?: ErrorJson };
    if (error === undefined) throw new Error(`kiln ${args.join(" ")} was not refused: ${stdout}`);
    return { exit: code, ...error };
  }

  test("this machine is the one target, and can be used", async () => {
    const local = { name: "local", platform: "local", options: {}, services: [] };
    expect(await kiln.json(["target", "ls"])).toMatchObject([local]);
    expect(await kiln.json(["target", "show", "local"])).toMatchObject({
      ...local,
      readiness: { usable: true },
    });
    expect((await kiln.ok(["target", "ls"])).stdout).toMatch(
      /^TARGET +PLATFORM .*\nlocal +local +- +0 +answers\n$/,
    );
  });

  test("wrong input is named with what was meant", async () => {
    expect(await refused("target", "add", "north", "--platform", "locl")).toMatchObject({
      ...{
        exit: 2,
        code: "target_invalid",
        message: "Kiln has no platform locl.",
        hint: "Did you mean local?",
      },
    });
    expect(
      await refused("target", "add", "local", "--platform", "local", "--option", "colour=red"),
    ).toMatchObject({
      ...{ exit: 2, code: "target_invalid", hint: "Its options: none." },
      problems: [{ message: "The platform local has no option colour." }],
    });
    expect(await refused("target", "add", "north", "--platform", "local")).toMatchObject({
      ...{ exit: 3, code: "target_taken", message: "The platform local has one target only: local." },
    });
    expect(await refused("target", "add", "local", "--platform", "local")).toMatchObject({
      ...{ exit: 3, code: "target_taken", message: "There is already a target local." },
    });
    expect(await refused("target", "add", "North Pole", "--platform", "local")).toMatchObject({
      ...{ exit: 2, code: "usage" },
    });
    expect(await refused("target", "add", "north")).toMatchObject({ exit: 2, code: "usage" });
    expect(
      await refused("target", "add", "north", "--platform", "local", "--option", "colour"),
    ).toMatchObject({ exit: 2, code: "usage", message: expect.stringContaining("Expected NAME=VALUE") });
    expect(await refused("target", "show", "locla")).toMatchObject({
      ...{ exit: 1, code: "target_unknown", message: "There is no target locla." },
      hint: expect.stringContaining("Did you mean local?"),
    });
    expect(await refused("target", "rm", "local")).toMatchObject({ exit: 3, code: "target_in_use" });
  });

  test.each(["deploy", "plan"])(
    "%s names the place of an unknown target before anything is built",
    async (command) => {
      await shop.configure({ more: "target: locla" });
      const error = await refused(command);
      expect(error).toMatchObject({
        ...{ exit: 2, code: "spec_invalid" },
        problems: [
          {
            place: { file: join(shop.folder, "kiln.yaml"), line: expect.any(Number), column: 1 },
            message: "There is no target locla.",
            hint: expect.stringContaining("Did you mean local?"),
          },
        ],
      });
    },
  );

  test("a target that cannot be used leaves the others alone, and is named", async () => {
    await shop.configure({ more: "target: local" });
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await kiln.ok(["controller", "stop"]);
    addByAnotherKiln(join(kiln.home, "kiln.db"));
    const all = await kiln.json<TargetStatus[]>(["target", "ls"]);
    expect(all.map(({ name, services, trouble }) => [name, services, trouble?.message])).toEqual([
      ["local", ["shop"], undefined],
      ["moon", [], "Kiln has no platform rocket."],
    ]);
    const [status] = await kiln.json<ServiceStatus[]>(["status", "shop"]);
    expect(status).toMatchObject({
      target: { name: "local", platform: "local" },
      servers: [{ state: "ready" }],
    });
    const { code, stdout } = await kiln.run(["doctor"]);
    expect(stdout).toContain("Target moon (rocket)\n  fail  Kiln has no platform rocket.\n");
    expect(stdout).toContain("Kiln cannot run servers on every target: 1 of");
    expect(code).toBe(1);
    await shop.configure({ more: "target: moon" });
    expect(await refused("deploy")).toMatchObject({
      ...{ exit: 3, code: "target_fixed" },
      problems: [
        {
          place: { line: expect.any(Number) },
          message: "shop runs on the target local, and a deploy does not move it to moon.",
          hint: expect.stringContaining("`target: local`"),
        },
      ],
    });
    await kiln.ok(["target", "rm", "moon"]);
    expect((await kiln.ok(["target", "ls"])).stdout).not.toContain("moon");
    await shop.configure({ more: "target: local" });
    await shop.setPage("two");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    expect(await shop.page()).toBe("two");
  });
});

const whyNot = why ?? (await whyNoEngine());
if (whyNot !== undefined) console.log(`Skipped: two real targets, because ${whyNot}.`);

describe.skipIf(whyNot !== undefined)("this machine and a Docker engine as targets of one controller", () => {
  const engine = new TestEngine();
  let kiln: Installation;
  let shop: LittleService;
  let blog: LittleService;
  const of = async (service: string) => (await kiln.json<ServiceStatus[]>(["status", service]))[0];
  const deploy = ({ folder }: LittleService) => kiln.ok(["deploy"], { cwd: folder });

  beforeAll(async () => {
    [kiln] = await Promise.all([install(), engine.start()]);
    shop = await littleService(kiln, "shop", { count: 1 });
    blog = await littleService(kiln, "blog", {
      count: 1,
      more: "environments: { box: { target: box } }",
    });
    await kiln.ok(["target", "add", "box", "--platform", "docker", "--option", `socket=${engine.socket}`]);
    await deploy(shop);
    await kiln.ok(["deploy", "--env", "box"], { cwd: blog.folder });
  }, 180_000);
  afterAll(async () => {
    await engine.resume();
    try {
      await kiln[Symbol.asyncDispose]();
    } finally {
      await engine[Symbol.asyncDispose]();
    }
  });

  test("an environment names the target of its service, and status shows both", async () => {
    expect((await of("blog.box"))?.target).toMatchObject({ name: "box", platform: "docker" });
    const { stdout } = await kiln.ok(["status"]);
    expect(stdout).toMatch(/^SERVICE +TARGET +RELEASE/);
    expect(stdout).toMatch(/^blog\.box +box +1 /m);
    expect(stdout).toMatch(/^shop +local +1 /m);
    expect(await Promise.all([shop.page(), blog.page()])).toEqual(["one", "one"]);
    expect((await kiln.run(["target", "rm", "box"])).stderr).toContain("has services on it: blog.box.");
  });

  test("an engine that hangs delays only its own service, and every command says so", async () => {
    engine.pause();
    await shop.setPage("two");
    await deploy(shop);
    expect(await shop.page()).toBe("two");
    const silence = expect.stringContaining("has not answered");
    await waitUntil(
      async () => (await of("blog.box"))?.target.trouble !== undefined,
      60_000,
      "the status of blog.box names its target's trouble",
    );
    const blogNow = await of("blog.box");
    expect(blogNow).toMatchObject({ target: { trouble: { message: expect.any(String) } }, servers: [{}] });
    expect((await of("shop"))?.target.trouble).toBeUndefined();
    expect(await blog.page()).toBe("one");
    const targets = await kiln.json<TargetStatus[]>(["target", "ls"]);
    expect(targets.find(({ name }) => name === "box")?.trouble).toMatchObject({ message: silence });
    const planned = await kiln.run(["plan", "--env", "box", "--json"], { cwd: blog.folder });
    expect((JSON.parse(planned.stdout) as { error: ErrorJson }).error).toMatchObject({
      ...{ code: "target_unreachable", message: expect.stringContaining("The target box cannot be seen.") },
    });
    const doctor = await kiln.run(["doctor"]);
    const section = /^Target box \(docker\)$(.*?)^Services$/ms.exec(doctor.stdout)?.[1];
    expect([doctor.code, section]).toEqual([
      1,
      expect.stringMatching(/^ {2}fail {2}It has not answered for \d+ s\.$/m),
    ]);
  }, 300_000);

  test("when it answers again, what was wanted goes through", async () => {
    engine.resume();
    await waitUntil(
      async () => (await of("blog.box"))?.target.trouble === undefined,
      120_000,
      "box answers again",
    );
    await blog.setPage("two");
    await kiln.ok(["deploy", "--env", "box"], { cwd: blog.folder });
    expect(await blog.page()).toBe("two");
  }, 300_000);
});

/** What is left when an older Kiln takes over from one that has more platforms. */
function addByAnotherKiln(database: string): void {
  const db = new DatabaseSync(database);
  db.prepare(
    "INSERT INTO targets (name, platform, options, added_at_ms, added_by) VALUES ('moon', 'rocket', '{}', 1, 'ada')",
  ).run();
  db.close();
}
