import { Agent, get } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { ChangePlan, ServiceStatus } from "../../src/controller/operations.ts";
import { TestEngine, whyNoEngine } from "../../src/platform/docker/engine/test-engine.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? (await whyNoEngine());
if (why !== undefined) console.log(`Skipped: a service that moves to a Docker engine, because ${why}.`);

const patienceMs = 120_000;

/** Clients that keep their connections, clients that are idle on them, and clients that connect each time. */
class Load {
  readonly #port: number;
  readonly #lost: string[] = [];
  readonly #clients: Promise<void>[] = [];
  #served = 0;
  #ends = false;

  constructor(port: number) {
    this.#port = port;
    for (const pauseMs of [5, 5, 700, 900]) this.#clients.push(this.#client(pauseMs, true));
    for (const pauseMs of [5, 5]) this.#clients.push(this.#client(pauseMs, false));
  }

  get served(): number {
    return this.#served;
  }

  /** What was lost, each with its reason. */
  async end(): Promise<readonly string[]> {
    this.#ends = true;
    await Promise.all(this.#clients);
    return this.#lost;
  }

  async #client(pauseMs: number, keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!this.#ends) {
      await this.#ask(agent).then(
        () => (this.#served += 1),
        (error: unknown) => this.#lost.push(`${keepAlive ? "kept" : "new"} connection: ${String(error)}`),
      );
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    agent.destroy();
  }

  #ask(agent: Agent): Promise<void> {
    return new Promise((resolve, reject) => {
      const asked = get({ host: "127.0.0.1", port: this.#port, agent, timeout: 60_000 }, (answer) => {
        answer.resume();
        answer.once("error", reject);
        answer.once("end", () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
        );
      });
      asked.once("timeout", () => asked.destroy(new Error("silence")));
      asked.once("error", reject);
    });
  }
}

describe.skipIf(why !== undefined)("a service that moves from this machine to a Docker engine on it", () => {
  const engine = new TestEngine();
  let kiln: Installation;
  let shop: LittleService;

  beforeAll(async () => {
    [kiln] = await Promise.all([install(), engine.start()]);
    // What is left is kept for as long as the tests take.
    shop = await littleService(kiln, "shop", { keepWarm: "20m" });
    await kiln.ok(["deploy"], { cwd: shop.folder });
    const option = `socket=${engine.socket}`;
    await kiln.ok(["target", "add", "box", "--platform", "docker", "--option", option]);
  }, 300_000);
  afterAll(async () => {
    try {
      await kiln?.[Symbol.asyncDispose]();
    } finally {
      await engine[Symbol.asyncDispose]();
    }
  }, 300_000);

  async function status(): Promise<ServiceStatus | undefined> {
    return (await kiln.json<readonly ServiceStatus[]>(["status", "shop"]))[0];
  }

  async function killController(): Promise<void> {
    const pid = await kiln.controllerPid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }

  const paused = async () => (await status())?.rollout?.phase === "paused";
  const at = (target: string) => async () => {
    const now = await status();
    return now?.target.name === target && now.rollout === undefined;
  };

  test("loses no request there and back, although its controller is killed on the way", async () => {
    const plan = await kiln.json<ChangePlan>(["move", "shop", "--target", "box", "--plan"]);
    expect(plan).toMatchObject({ target: "box", changes: ["target: local -> box"], downtime: "none" });
    expect(plan.byHand?.join("\n")).toContain(`port ${shop.port} of this machine changes hands`);
    const load = new Load(shop.port);

    await kiln.ok(["move", "shop", "--target", "box", "--no-wait"]);
    await killController();
    await waitUntil(paused, patienceMs, "its servers are ready there");
    await kiln.ok(["move", "shop", "--finish", "--no-wait"]);
    await killController();
    await waitUntil(at("box"), patienceMs, "it is handed over");
    const closed = async () => (await status())?.move?.addresses.length === 0;
    await waitUntil(closed, patienceMs, "the target that it has left closes its port");
    const moved = await status();
    expect(moved?.move).toMatchObject({ target: { name: "local" }, phase: "left", release: 1 });
    expect(await shop.page()).toBe("one");

    await kiln.ok(["move", "shop", "--target", "local"]);
    await kiln.ok(["move", "shop", "--finish"]);
    expect(await status()).toMatchObject({ target: { name: "local" }, serving: { number: 1 } });
    const servedBefore = load.served;
    await waitUntil(() => load.served > servedBefore + 100, patienceMs, "requests continue");
    expect(await load.end()).toEqual([]);
  }, 600_000);

  test("gives up the target that it has left when that is dead, and clears it when it answers again", async () => {
    const early = await kiln.run(["move", "shop", "--give-up", "box"]);
    expect([early.code, early.stderr]).toEqual([3, expect.stringContaining("The target box answers")]);
    engine.pause();
    try {
      const { stdout } = await kiln.ok(["move", "shop", "--give-up", "box", "--plan"]);
      expect(stdout).toMatch(/servers of release \d+ may still run on box: shop-\d+-1-1, shop-\d+-2-1/);
      expect((await status())?.givenUp).toBeUndefined();
      await kiln.ok(["move", "shop", "--give-up", "box", "--reason", "it is dead"]);
      const given = await kiln.ok(["status", "shop"]);
      expect(given.stdout).toMatch(/given up +release \d+ may still run on box/);
      expect((await status())?.move).toBeUndefined();
    } finally {
      engine.resume();
    }
    await waitUntil(async () => (await status())?.givenUp === undefined, patienceMs, "it is cleared");
    const path = "/containers/json";
    const { signal } = new AbortController();
    expect(await engine.engine.read({ path, query: { all: "true" }, signal }, z.array(z.unknown()))).toEqual(
      [],
    );
    expect(await shop.page()).toBe("one");
  }, 300_000);

  test("is refused where it cannot move, and says what to do", async () => {
    const refused = await kiln.run(["move", "shop", "--target", "local"]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("shop is on the target local already");
    const none = await kiln.run(["move", "shop", "--finish"]);
    expect(none.stderr).toContain("shop is not being moved.");
    expect((await kiln.run(["move", "shop"])).stderr).toContain("Expected one of `--target TARGET`");
    await shop.configure({ more: "target: box" });
    const deploy = await kiln.run(["deploy"], { cwd: shop.folder });
    expect(deploy.stderr).toContain("`kiln move shop --target box` moves it there first.");
  }, 120_000);
});
