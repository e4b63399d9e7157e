import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Installation, install, whyNoServers } from "./harness.ts";
import { behaviours, type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: many services at once, because ${why}.`);

interface Result {
  readonly service: string;
  readonly outcome: string;
  readonly isDone: boolean;
  readonly release?: number;
  readonly skippedFor?: string;
  readonly rollout?: { readonly phase: string; readonly startedAtMs: number; readonly endedAtMs: number };
}

describe.skipIf(why !== undefined)("many services at once, from end to end", () => {
  let kiln: Installation;
  let first: LittleService;
  beforeAll(async () => {
    kiln = await install();
    first = await littleService(kiln, "db", { count: 1 });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  /** One document of the file, without a port of the machine. */
  function document(name: string, after: string, command: string): string {
    return `service: ${name}
after: [${after}]
image:
  from: scratch
  files: [{ from: ./busybox, to: /bin/busybox, mode: "0755" }, { from: ./www, to: /www }]
  command: ["/bin/busybox", "sh", "-c", "${command}"]
servers: { count: 1, port: 8080 }
health: { http: /, interval: 50ms, ready: 1, deadline: ${name === "broken" ? "3s" : "60s"} }
rollout: { bake: 50ms, keepWarm: 0s }
`;
  }

  async function write(broken: string): Promise<void> {
    const documents = [
      document("late", "broken, shop", behaviours.serves),
      document("shop", "db", behaviours.serves),
      document("broken", "", broken),
      document("db", "", behaviours.serves),
    ];
    await writeFile(join(first.folder, "kiln.yaml"), documents.join("---\n"));
  }

  async function deployAll(): Promise<{ code: number; byName: ReadonlyMap<string, Result> }> {
    const { code, stdout } = await kiln.run(["deploy", "--all", "--json"], { cwd: first.folder });
    const { services } = JSON.parse(stdout) as { readonly services: readonly Result[] };
    return { code, byName: new Map(services.map((result) => [result.service, result])) };
  }

  test("rollouts are in order, what comes after a failure is skipped, and the rest is done when repeated", async () => {
    await write("echo no configuration; exit 7");
    const failed = await deployAll();
    expect(failed.code).toBe(1);
    expect(failed.byName.get("broken")).toMatchObject({ outcome: "settled", isDone: false });
    expect(failed.byName.get("late")).toMatchObject({ outcome: "skipped", skippedFor: "broken" });
    const [db, shop] = [failed.byName.get("db")?.rollout, failed.byName.get("shop")?.rollout];
    expect([db?.phase, shop?.phase]).toEqual(["complete", "complete"]);
    expect(shop?.startedAtMs).toBeGreaterThanOrEqual(db?.endedAtMs ?? Number.POSITIVE_INFINITY);

    await write(behaviours.serves);
    const plan = await kiln.ok(["plan", "--all"], { cwd: first.folder });
    expect(plan.stdout).toMatch(
      /Begins when these serve: broken, shop[\s\S]*2 of 4 services would change: broken, late\.\n$/,
    );
    const repeated = await deployAll();
    expect(repeated.code).toBe(0);
    expect(
      [...repeated.byName.values()].map(({ service, outcome }) => `${service} ${outcome}`).sort(),
    ).toEqual(["broken settled", "db unchanged", "late settled", "shop unchanged"]);
    const again = await kiln.ok(["deploy", "--all"], { cwd: first.folder });
    expect(again.stdout).toMatch(/^SERVICE +RESULT +RELEASE +TOOK +DETAIL\n(\w+ +unchanged +\d+ .*\n){4}$/);
  });
});
