import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { killNow } from "../linux/processes.ts";
import { aCall, hostPerTest, type TestHost, until, whyNoContainers } from "./test-host.ts";
import { testRelease } from "./test-image.ts";

const reason = whyNoContainers();
if (reason) console.log(`Faults of the local host are not tested: ${reason}.`);

describe.skipIf(reason)("a local host, when things go wrong,", () => {
  let t: TestHost;
  hostPerTest((host) => {
    t = host;
  });
  let controllers: ChildProcess[] = [];
  afterEach(() => {
    for (const controller of controllers) controller.kill("SIGKILL");
    controllers = [];
  });

  const id = "shop-1-1-1";
  const record = () => JSON.parse(readFileSync(join(t.state.servers, id, "record.json"), "utf8"));

  /** A controller of its own that creates or destroys the server. */
  async function controller(action: "create" | "destroy") {
    const image = JSON.stringify(await t.images.open("any", aCall()));
    const helper = join(import.meta.dirname, "crash-helper.ts");
    const child = spawn(process.execPath, [helper, t.state.home, image, action, id], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    controllers.push(child);
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
    });
    return { kill: () => endOf(child), said: (word: string) => until(() => text.includes(word)) };
  }

  test("finds its servers again after the controller was killed, and still learns how they end", async () => {
    const made = await controller("create");
    await made.said("done");
    await made.kill();
    expect(await t.host.list(aCall())).toMatchObject([{ id, state: "running" }]);
    killNow(record().running.process.pid);
    await until(async () => (await t.find(id))?.state === "exited");
    expect(await t.find(id)).toMatchObject({ exit: { code: 137, oomKilled: false } });
  });

  test("cleans up or continues wherever a kill has cut a create short", { timeout: 120_000 }, async () => {
    for (const delayMs of [0, 8, 16, 24, 32, 40, 48, 56, 64, 80]) {
      const making = await controller("create");
      await making.said("begun");
      await systemClock.sleep(delayMs);
      await making.kill();
      const host = t.reopen();
      if (delayMs % 16 === 0) await host.create({ id, release: testRelease("any") }, aCall());
      for (const server of await host.list(aCall())) expect(["creating", "running"]).toContain(server.state);
      await host.destroy(id, aCall());
      await until(async () => (await t.traces()).length === 0).catch(() => {});
      expect(await t.traces(), `after ${delayMs} ms`).toEqual([]);
    }
  });

  test("cleans up wherever a kill has cut a destroy short", { timeout: 120_000 }, async () => {
    for (const delayMs of [0, 5, 10, 15, 20, 30, 40]) {
      await t.host.create({ id, release: testRelease("any") }, aCall());
      const ending = await controller("destroy");
      await ending.said("begun");
      await systemClock.sleep(delayMs);
      await ending.kill();
      for (const { state, retiredAtMs } of await t.reopen().list(aCall()))
        if (state === "exited") expect(retiredAtMs, `after ${delayMs} ms`).toBeTypeOf("number");
      await t.host.destroy(id, aCall());
      expect(await t.host.list(aCall())).toEqual([]);
      expect(await t.traces(), `after ${delayMs} ms`).toEqual([]);
    }
  });

  test("keeps a server whose conmon was killed, and says that its end is not known", async () => {
    await t.run(id, "exec sleep 1000");
    const { monitor, process } = record().running;
    killNow(monitor.pid);
    await until(() => !isThere(monitor.pid));
    expect(await t.find(id)).toMatchObject({ state: "running" });
    killNow(process.pid);
    await until(async () => (await t.find(id))?.state === "exited");
    const exited = await t.find(id);
    expect(exited?.exit).toMatchObject({ code: undefined });
    expect(await t.find(id)).toEqual(exited);
  });

  test("takes servers from before a restart of the machine as ended, and removes what is left of them", async () => {
    await t.run(id, "exec sleep 1000");
    const { process } = record().running;
    writeFileSync(
      join(t.state.servers, id, "record.json"),
      JSON.stringify({ ...record(), bootId: "another" }),
    );
    expect(await t.find(id)).toMatchObject({ state: "exited", exit: { code: undefined } });
    await t.host.destroy(id, aCall());
    await until(() => !isThere(process.pid));
  });

  test("ends a frozen server", async () => {
    await t.run(id, "exec sleep 1000");
    await exec(["runc", `--root=${join(t.state.servers, ".host/runc")}`, "pause", id]);
    await t.host.stop(id, 10, aCall());
    expect(await t.find(id)).toMatchObject({ state: "exited", exit: { code: 137 } });
  });

  test("destroys what another program has already taken apart", async () => {
    await t.run(id, "exec sleep 1000");
    await exec(["ip", "netns", "del", `kiln-${t.state.tag}-${id}`]);
    await exec(["runc", `--root=${join(t.state.servers, ".host/runc")}`, "delete", "--force", id]);
    await t.host.destroy(id, aCall());
    expect(await t.host.list(aCall())).toEqual([]);
  });

  test("makes the bridge and the filter rules again when they are gone", async () => {
    await t.run(id, "exec sleep 1000");
    await exec(["ip", "link", "del", `kiln-${t.state.tag}`]);
    await exec(["nft", "delete", "table", "inet", `kiln-${t.state.tag}`]);
    await t.run("shop-1-2-1", "exec sleep 1000");
    const tables = (await t.traces()).filter((line) => line.startsWith("table "));
    expect(tables.sort()).toEqual([`table inet kiln-${t.state.tag}`, `table inet kiln-${t.state.tag}-names`]);
  });

  test("says which record cannot be read rather than leave a server out", async () => {
    await t.run(id, "exec sleep 1000");
    const path = join(t.state.servers, id, "record.json");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(0, 20));
    await expect(t.host.list(aCall())).rejects.toMatchObject({ code: "state_corrupt" });
    writeFileSync(path, text);
  });

  test("stops a create that is cancelled, and leaves nothing of it", async () => {
    await t.run("shop-1-2-1", "exec sleep 1000"); // so that bridge and mounts are there
    const cancel = new AbortController();
    const call = { ...aCall(), signal: cancel.signal };
    const created = t.host.create({ id, release: testRelease("any") }, call);
    const isCancelled = expect(created).rejects.toMatchObject({ code: "cancelled" });
    // From its record to its process it takes several programs: this loop is there before them.
    while (!existsSync(join(t.state.servers, id, "record.json"))) await setImmediate();
    cancel.abort();
    await isCancelled;
    expect(await t.find(id)).toBeUndefined();
    expect((await t.traces()).filter((line) => line.includes(id))).toEqual([]);
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
