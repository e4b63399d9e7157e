import { expect, test } from "vitest";
import { TestInstallation } from "../testing.ts";

/** The server writes a line. */
function writes(t: TestInstallation, server: string, text: string): void {
  t.world.servers.get(server)?.lines.push({ atMs: t.clock.now(), text });
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function ready(t: TestInstallation): Promise<readonly string[]> {
  const { servers } = await t.status();
  return servers.filter(({ state }) => state === "ready").map(({ id }) => id);
}

test("the last lines of all servers of a service are one stream, each with its server", async () => {
  await using t = new TestInstallation();
  await expect(all(t.controller.serviceLogs({ service: "shop" }))).rejects.toMatchObject({
    code: "service_unknown",
  });
  await t.deployed(1, { count: 2 });
  const servers = await ready(t);
  for (const server of servers) for (const text of ["one", "two", "three"]) writes(t, server, text);
  const lines = await all(t.controller.serviceLogs({ service: "shop", tail: 2 }));
  expect(lines.map(({ server, text }) => `${server} ${text}`).toSorted()).toEqual(
    servers.flatMap((server) => [`${server} three`, `${server} two`]).toSorted(),
  );
});

test("someone who follows a service hears servers that begin later, and the end when the service is gone", async () => {
  await using t = new TestInstallation();
  await t.deployed(1, { count: 1 });
  const [first = ""] = await ready(t);
  writes(t, first, "before");
  const heard: string[] = [];
  const following = (async () => {
    for await (const { server, text } of t.controller.serviceLogs({ service: "shop", follow: true }))
      heard.push(`${server} ${text}`);
  })();
  await t.clock.until(() => heard.length === 1);
  await t.controller.scale({ service: "shop", count: 2 }, { actor: { via: "socket", name: "ada", uid: 0 } });
  await t.clock.until(async () => (await ready(t)).length === 2);
  const second = (await ready(t)).find((id) => id !== first) ?? "";
  writes(t, second, "hello");
  writes(t, first, "after");
  await t.clock.until(() => heard.length === 3);
  expect(heard.toSorted()).toEqual([`${first} after`, `${first} before`, `${second} hello`].toSorted());
  await t.controller.remove({ service: "shop" }, { actor: { via: "socket", name: "ada", uid: 0 } });
  let over = false;
  void following.then(() => {
    over = true;
  });
  await t.clock.until(() => over);
});

test("someone who follows a service hears jobs that begin later, and servers that had nothing to read at first", async () => {
  await using t = new TestInstallation();
  await t.deployed(1, { count: 1 });
  const [server = ""] = await ready(t);
  t.world.behave("run", { exitAfterMs: 60_000, exitCode: 0 });
  let started = false;
  const { logs } = t.platform;
  Object.assign(t.platform, {
    logs: {
      read: (...[id, how, signal]: Parameters<NonNullable<typeof logs>["read"]>) =>
        started || id !== server ? logs?.read(id, how, signal) : [],
    },
  });
  const stop = new AbortController();
  const heard: string[] = [];
  const following = (async () => {
    const lines = t.controller.serviceLogs({ service: "shop", follow: true }, { signal: stop.signal });
    for await (const { server: from, text } of lines) heard.push(`${from} ${text}`);
  })();
  await t.clock.advance(10_000);
  started = true;
  writes(t, server, "hello");
  await t.clock.until(() => heard.length === 1);
  await t.controller.runJob(
    { service: "shop", command: ["/app"] },
    { actor: { via: "socket", name: "ada", uid: 0 } },
  );
  const running = async () => (await t.status()).jobs.find(({ state }) => state === "running")?.id ?? "";
  await t.clock.until(async () => (await running()) !== "");
  const job = await running();
  writes(t, job, "exported");
  await t.clock.until(() => heard.length === 2);
  expect(heard).toEqual([`${server} hello`, `${job} exported`]);
  stop.abort();
  await following;
});

test("nothing is read any more for someone who has gone", async () => {
  await using t = new TestInstallation();
  await t.deployed(1, { count: 1 });
  const [server = ""] = await ready(t);
  writes(t, server, "one");
  const stop = new AbortController();
  const following = t.controller.serviceLogs({ service: "shop", follow: true }, { signal: stop.signal });
  const lines = following[Symbol.asyncIterator]();
  expect((await lines.next()).value).toMatchObject({ server, text: "one" });
  const next = lines.next();
  stop.abort();
  expect(await next).toMatchObject({ done: true });
});
