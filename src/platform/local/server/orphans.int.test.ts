import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "../../../lib/process/proc.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../test-host.ts";

const reason = whyNoContainers();
if (reason) console.log(`Servers without a record are not tested: ${reason}.`);

describe.skipIf(reason)("a server whose record was removed", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  const [id, other] = ["shop-1-1-1", "shop-1-2-1"];
  const forever = "while :; do sleep 0.2; done";

  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());

  async function running(t: TestHost) {
    const { address } = await t.run(id, forever);
    const process = t.host.inspector.subjects().find(({ server }) => server === id)?.process;
    if (process === undefined) throw new Error("it has no process");
    return { address, process };
  }

  const ways = { "its folder": "", "its record alone": "record.json" };
  test.each(Object.entries(ways))("%s: it is ended by what the kernel knows of it", async (_, file) => {
    await using t = new TestHost(images);
    const { process } = await running(t);
    rmSync(join(t.state.servers, id, file), { recursive: true });
    expect((await t.host.probe(aCall())).gaps.map(({ what }) => what)).toContain(
      `Parts of servers without a record are left: ${id}.`,
    );
    expect(await t.host.list(aCall())).toEqual([]);
    await until(() => !isAlive(process));
    expect((await t.traces()).filter((line) => line.includes(id))).toEqual([]);
  });

  test("its address is not given to another one while it lives", async () => {
    await using t = new TestHost(images);
    const { address, process } = await running(t);
    rmSync(join(t.state.servers, id), { recursive: true });
    const fresh = await t.run(other, forever);
    expect(isAlive(process)).toBe(true);
    expect(fresh.address).not.toBe(address);
    expect((await t.host.list(aCall())).map((server) => server.id)).toEqual([other]);
    expect(isAlive(process)).toBe(false);
  });

  test("a controller that starts later ends it", async () => {
    await using t = new TestHost(images);
    const { process } = await running(t);
    rmSync(join(t.state.servers, id), { recursive: true });
    await t.reopen().list(aCall());
    expect(isAlive(process)).toBe(false);
    await until(async () => (await t.traces()).length === 0);
  });
});
