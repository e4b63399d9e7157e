import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { restartMachine } from "./machine.ts";
import { type PostgresService, postgresService } from "./postgres.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: PostgreSQL, because ${why}.`);

/** Inserts numbers one after the other, each in a transaction of its own, and remembers those that were committed. */
function startWriter(db: PostgresService) {
  const committed: number[] = [];
  let running = true;
  const work = (async () => {
    for (let number = 1; running; number++) {
      const done = await db.query(`insert into numbers values (${number})`).then(
        () => true,
        () => false,
      );
      if (done) committed.push(number);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    committed,
    async stop(): Promise<readonly number[]> {
      running = false;
      await work;
      return committed;
    },
  };
}

describe.skipIf(why !== undefined)("PostgreSQL in a volume", () => {
  let kiln: Installation;
  let db: PostgresService;
  let writer: ReturnType<typeof startWriter>;
  const deploy = () => kiln.run(["deploy"], { cwd: db.folder });
  /** Continues until the database has taken some more. */
  const moreCommits = () => {
    const before = writer.committed.length;
    return waitUntil(() => writer.committed.length >= before + 5, 60_000, "five more rows are committed");
  };
  const lost = async () => {
    const committed = [...writer.committed]; // there are more meanwhile
    const rows = new Set((await db.query("select number from numbers")).map(([number]) => Number(number)));
    return committed.filter((number) => !rows.has(number));
  };

  beforeAll(async () => {
    kiln = await install();
    db = await postgresService(kiln);
    await kiln.ok(["deploy"], { cwd: db.folder });
    await db.query("create table numbers (number int primary key)");
    writer = startWriter(db);
    await moreCommits();
  });
  afterAll(async () => {
    await writer?.stop();
    await kiln[Symbol.asyncDispose]();
  });

  test("a deploy keeps every committed row, and tells how long the database is away", async () => {
    await db.configure({ env: "{ RELEASE: two }" });
    const plan = (await kiln.ok(["plan"], { cwd: db.folder })).stdout;
    expect(plan).toContain("Downtime: from the stop of release 1 until release 2 is ready");
    expect((await deploy()).code).toBe(0);
    await moreCommits();
    expect(await lost()).toEqual([]);
  });

  test("a deploy that fails keeps every committed row", async () => {
    await db.configure({ before: 'echo wrong > "$data/written-by-a-failed-release"; exit 3' });
    expect((await deploy()).code).toBe(4);
    await moreCommits();
    expect(await lost()).toEqual([]);
  });

  test("a rollback keeps every committed row", async () => {
    await kiln.ok(["rollback", "--service", "db"]);
    await moreCommits();
    expect(await lost()).toEqual([]);
  });

  test("kill -9 of everything and a restart of the machine keep every committed row", async () => {
    await restartMachine(kiln.home);
    await kiln.ok(["controller", "start"]);
    await moreCommits();
    expect(await lost()).toEqual([]);
  });

  test("more than one server, or servers side by side, are refused", async () => {
    const scaled = await kiln.run(["scale", "2", "--service", "db"]);
    expect([scaled.code, scaled.stderr]).toEqual([2, expect.stringContaining("volume_invalid")]);
    expect(scaled.stderr).toContain("One server of db at a time may have the volume data; found 2 servers");
  });

  test("removing the service keeps its data, and the next deploy finds it", async () => {
    await kiln.ok(["remove", "db", "--yes"]);
    await db.configure({ env: "{ RELEASE: three }" });
    expect((await deploy()).code).toBe(0);
    await moreCommits();
    expect(await lost()).toEqual([]);
  });
});
