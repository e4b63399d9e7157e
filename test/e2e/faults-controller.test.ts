import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { type Installation, install, kilnPath, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";
import { restartMachine } from "./machine.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: controllers and machines that fail, because ${why}.`);

interface Told {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

describe.skipIf(why !== undefined)("controllers and machines that fail", () => {
  let kiln: Installation;
  let shop: LittleService;
  let edition = 0;
  const database = () => join(kiln.home, "kiln.db");
  const newPage = async () => {
    const page = `edition ${++edition}`;
    await shop.setPage(page);
    return page;
  };
  const pid = async () => {
    const found = await kiln.controllerPid();
    if (found === undefined) throw new Error("a controller runs");
    return found;
  };
  const killController = async () => {
    process.kill(await pid(), "SIGKILL");
    await waitUntil(async () => (await kiln.controllerPid()) === undefined, 60_000, "the controller is gone");
  };
  const status = async () => {
    const [found] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    if (found === undefined) throw new Error("shop has a status");
    return found;
  };

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", { behaviour: "serves after a second", bake: "4s" });
    const page = await newPage();
    await kiln.ok(["deploy"], { cwd: shop.folder });
    expect(await shop.page()).toBe(page);
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  /** Each is a moment of a rollout of two servers, one after the other. */
  const moments = {
    "has just been recorded": () => true,
    "has made its first server": ({ servers }) => servers.length > 2,
    "has moved the first traffic": ({ servers, serving }) =>
      servers.some((s) => s.release !== serving?.number && s.inTraffic),
    "has all the traffic on new servers": ({ servers, serving }) =>
      servers.filter((s) => s.release !== serving?.number && s.inTraffic).length === 2,
  } satisfies Record<string, (status: ServiceStatus) => boolean>;

  test.each(Object.entries(moments))(
    "kill -9 when the rollout %s: the next controller finishes it",
    async (_, reached) => {
      await kiln.ok(["rollout", "show", "shop"]);
      await waitUntil(async () => (await status()).rollout === undefined, 60_000, "no rollout runs");
      const page = await newPage();
      await kiln.ok(["deploy", "--no-wait"], { cwd: shop.folder });
      let seen = await status();
      const hasCome = async () => {
        seen = await status();
        return reached(seen);
      };
      await waitUntil(hasCome, 60_000, "the moment has come");
      const { rollout } = seen;
      expect(rollout?.phase).toBe("forward");
      await killController();
      expect(await shop.page()).toMatch(/^edition /);
      const followed = await kiln.run(["rollout", "show", "shop", "-f"]);
      expect([followed.code, followed.stdout]).toEqual([
        0,
        expect.stringMatching(`release ${rollout?.to} .*serves`),
      ]);
      expect(await shop.page()).toBe(page);
    },
  );

  test("any number of commands may start the controller at once: one does", async () => {
    await killController();
    const ran = await Promise.all(
      [1, 2, 3, 4].map(() => kiln.json<{ pid: number }>(["controller", "start"])),
    );
    expect(new Set(ran.map((one) => one.pid))).toEqual(new Set([await pid()]));
  });

  test("a second controller learns who holds the state folder", async () => {
    const holder = await pid();
    const second = await kiln.run(["controller", "run"]);
    expect([second.code, second.stderr]).toEqual([
      3,
      `error [state_held] Another controller (pid ${holder}) holds this state folder.\nhint \`kiln controller status\` shows it; \`kiln controller stop\` ends it. Servers keep running.\n`,
    ]);
    expect(await pid()).toBe(holder);
  });

  describe("with its database", () => {
    const page = () => `edition ${edition}`;
    const refused = async () => {
      const people = await kiln.run(["status"]);
      const { error } = JSON.parse(
        (await kiln.run(["deploy", "--json"], { cwd: shop.folder })).stdout,
      ) as Told;
      expect(people.stderr).toContain(`[${error.code}] ${error.message}`);
      expect(await shop.page()).toBe(page());
      return [people.code, error.code];
    };
    const backup = () => join(kiln.home, "../backup.db");
    beforeAll(async () => {
      await kiln.ok(["controller", "stop"]);
      await copyFile(database(), backup());
    });
    beforeEach(async () => {
      for (const end of ["", "-wal", "-shm"]) await rm(`${database()}${end}`, { force: true });
      await copyFile(backup(), database());
    });

    test("from a newer version: nothing is touched", async () => {
      using db = new DatabaseSync(database());
      db.exec("PRAGMA user_version = 999");
      db.close();
      const before = await readFile(database());
      expect(await refused()).toEqual([3, "state_newer"]);
      expect(Buffer.compare(before, await readFile(database()))).toBe(0);
    });

    test.each([
      ["at its head", 0],
      ["in its middle", 8192],
    ])("damaged %s", async (_, position) => {
      const file = await open(database(), "r+");
      await file.write(Buffer.alloc(4096, 0xa5), 0, 4096, position);
      await file.close();
      expect(await refused()).toEqual([1, "state_corrupt"]);
    });

    test("put back: everything continues", async () => {
      const { servers, trouble } = await status();
      expect(servers.filter((s) => s.inTraffic)).toHaveLength(2);
      expect(trouble).toBeUndefined();
      expect(await shop.page()).toBe(page());
    });
  });

  test("the machine restarts: the next command brings every server back", async () => {
    const { serving } = await status();
    await restartMachine(kiln.home);
    expect(await kiln.leftovers()).toEqual([]);
    expect(await shop.page()).toBeUndefined();
    await kiln.ok(["status"]);
    await waitUntil(
      async () => (await shop.page()) === `edition ${edition}`,
      60_000,
      "the service serves again",
    );
    const whole = async () => {
      const { servers } = await status();
      return servers.length === 2 && servers.every((s) => s.inTraffic && s.state === "ready");
    };
    await waitUntil(whole, 60_000, "all servers are back");
    const after = await status();
    expect([after.serving, after.failures, after.trouble]).toEqual([serving, [], undefined]);
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });

  test("the machine restarts during a rollout: it is finished", async () => {
    const page = await newPage();
    await kiln.ok(["deploy", "--no-wait"], { cwd: shop.folder });
    await waitUntil(async () => (await status()).servers.length > 2, 60_000, "the rollout has made a server");
    await restartMachine(kiln.home);
    expect((await kiln.run(["rollout", "show", "shop", "-f"])).code).toBe(0);
    expect(await shop.page()).toBe(page);
  });

  test.each(["runc", "conmon", "haproxy", "mkfs.erofs"])(
    "without %s: what to install is said",
    async (program) => {
      const path = (await exec(["sh", "-c", `command -v ${program}`])).stdout.trim();
      const home = join(kiln.home, `../without-${program}`);
      const hidden = join(kiln.home, "../hidden");
      await mkdir(hidden, { recursive: true });
      // In a mount namespace of its own: the real program stays where it is.
      const script = `
      mount -t tmpfs none ${hidden} && mkdir ${hidden}/u ${hidden}/w
      mount -t overlay -o lowerdir=${join(path, "..")},upperdir=${hidden}/u,workdir=${hidden}/w none ${join(path, "..")}
      rm ${path}
      ${kilnPath} deploy --json; code=$?
      ${kilnPath} controller stop >&2
      exit $code`;
      const ran = await exec(["unshare", "-m", "sh", "-c", script], {
        cwd: shop.folder,
        env: { KILN_HOME: home },
        accept: "any",
      });
      const { error } = JSON.parse(ran.stdout) as Told & { error: { problems: readonly object[] } };
      expect([ran.code, error.code]).toEqual([1, "platform_unusable"]);
      expect(error.problems).toMatchObject([
        {
          message: `The program ${program} is not installed.`,
          hint: expect.stringContaining("apt-get install"),
        },
      ]);
    },
  );
});

describe.skipIf(why !== undefined)("a full disk", () => {
  let disk: string;
  let fill: string;
  let kiln: Installation;
  let shop: LittleService;
  const fillUp = () => exec(["dd", "if=/dev/zero", `of=${fill}`, "bs=4096"], { accept: "any" });

  beforeAll(async () => {
    disk = await mkdtemp("/tmp/kd-");
    fill = join(disk, "fill");
    await exec(["mount", "-t", "tmpfs", "-o", "size=48m", "kiln-e2e", disk]);
    kiln = await install(disk);
    shop = await littleService(kiln, "shop", { behaviour: "serves after a second" });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(async () => {
    await rm(fill, { force: true });
    await kiln[Symbol.asyncDispose]();
    await exec(["umount", disk]);
    await rm(disk, { recursive: true });
  });

  test("during a build: nothing half done is left, and the servers serve", async () => {
    const big = join(shop.folder, "www/big");
    await writeFile(big, Buffer.alloc(20 << 20, "kiln"));
    const { code, stdout } = await kiln.run(["build", "--json"], { cwd: shop.folder });
    expect([code, (JSON.parse(stdout) as Told).error]).toMatchObject([
      1,
      {
        code: "disk_full",
        message: expect.stringContaining(`at ${kiln.home}`),
        hint: expect.stringContaining("kiln gc"),
      },
    ]);
    await rm(big);
    expect((await exec(["find", kiln.home, "-xdev", "-size", "+8M"])).stdout).toBe("");
    expect(await shop.page()).toBe("one");
  });

  test("before a deploy: it is refused, and what frees space works", async () => {
    await shop.setPage("two");
    await kiln.ok(["build"], { cwd: shop.folder });
    await fillUp();
    const { code, stdout, stderr } = await kiln.run(["deploy"], { cwd: shop.folder });
    expect([code, stdout + stderr]).toEqual([1, expect.stringContaining("No space left on the disk")]);
    expect(await shop.page()).toBe("one");
    await kiln.ok(["status"]);
    await kiln.ok(["gc"]);
    await rm(fill);
    await kiln.ok(["deploy"], { cwd: shop.folder });
    expect(await shop.page()).toBe("two");
  });

  test("during a deploy: the old servers serve, and it continues when there is space", async () => {
    await shop.setPage("three");
    // Slow enough that the disk is full before a server is ready.
    await shop.configure({ behaviour: "serves after five seconds", deadline: "60s" });
    await kiln.ok(["deploy", "--no-wait"], { cwd: shop.folder });
    const created = async () => (await kiln.ok(["servers", "--json"])).stdout.includes("shop-3-1-1");
    await waitUntil(created, 60_000, "the first new server is there");
    await fillUp();
    const held = async () => /No space left/.test((await kiln.run(["status", "shop"])).stdout);
    await waitUntil(held, 60_000, "the status says that the disk is full");
    expect(await shop.page()).toBe("two");
    await rm(fill);
    expect((await kiln.run(["rollout", "show", "shop", "-f"])).code).toBe(0);
    expect(await shop.page()).toBe("three");
    expect(existsSync(fill)).toBe(false);
  });
});
