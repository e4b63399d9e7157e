import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus, TargetStatus } from "../../src/controller/operations.ts";
import type { ErrorJson } from "../../src/lib/errors.ts";
import { type Installation, install, whyNoServers } from "./harness.ts";
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
          message: "shop runs on the target local, and does not move to moon.",
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

/** What is left when an older Kiln takes over from one that has more platforms. */
function addByAnotherKiln(database: string): void {
  const db = new DatabaseSync(database);
  db.prepare(
    "INSERT INTO targets (name, platform, options, added_at_ms, added_by) VALUES ('moon', 'rocket', '{}', 1, 'ada')",
  ).run();
  db.close();
}
