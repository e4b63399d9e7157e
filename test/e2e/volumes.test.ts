import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VolumeStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: volumes, because ${why}.`);

/** The first server of a release adds its words to a file in the volume, and all serve that. */
const script = (words: string) =>
  `b=/bin/busybox; $b grep -qx ${words} /data/index.html || echo ${words} >> /data/index.html; trap exit TERM; /bin/busybox httpd -f -p 8080 -h /data & wait`;
const command = (words: string) => JSON.stringify(["/bin/busybox", "sh", "-c", script(words)]);

describe.skipIf(why !== undefined).each([
  ["a folder", ""],
  ["a file system of its own", ", size: 32MiB"],
])("a volume that is %s", (_, size) => {
  let kiln: Installation;
  let shop: LittleService;
  const servers = `, volumes: [{ name: data, path: /data${size} }]`;
  const deploy = async (words: string, more = servers) => {
    await shop.configure({ servers: more, command: command(words) });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  };
  const volume = async () => {
    const [found] = await kiln.json<readonly VolumeStatus[]>(["volume", "ls", "shop"]);
    if (found === undefined) throw new Error("there is a volume");
    return found;
  };
  /** The file as an archive of the volume has it. */
  const exported = async () => {
    const file = join(shop.folder, "look.tar");
    await kiln.ok(["volume", "export", "data", "shop", "--output", file, "--force"]);
    return (await exec(["tar", "-xOf", file, "./index.html"])).stdout;
  };
  const scale = (count: number) => kiln.ok(["scale", `${count}`, "--service", "shop"]);
  const pageIs = (page: string) =>
    waitUntil(async () => (await shop.page()) === page, 20_000, `the page is ${JSON.stringify(page)}`);

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", {
      ...{ count: 1, servers, rollout: ", strategy: recreate", command: command("one") },
    });
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await deploy("two");
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("servers of each release write to it, as the image's user, and run nothing from it", async () => {
    expect(await shop.page()).toBe("one\ntwo\n");
    const { servers: using, release } = await volume();
    expect([using, release]).toEqual([["shop-2-1-1"], 2]);
    const { stdout } = await kiln.ok(["volume", "show", "data", "shop"]);
    expect(stdout).toMatch(/in use by +shop-2-1-1/);
    expect((await kiln.ok(["drift"])).stdout).toContain("No drift");
  });

  test("what would replace or remove it is refused while a server has it", async () => {
    for (const words of [
      ["rm", "data"],
      ["import", "data", join(shop.folder, "kiln.yaml")],
    ]) {
      const { code, stderr } = await kiln.run(["volume", ...words, "shop", "--yes"]);
      expect([code, stderr]).toEqual([3, expect.stringContaining("in use by shop-2-1-1")]);
    }
  });

  test("a snapshot of a running server is restored once no server has it, and can be taken back", async () => {
    const { id } = await kiln.json<{ readonly id: string }>(["volume", "snapshot", "data", "shop"]);
    await pageIs("one\ntwo\n");
    await deploy("three");
    await pageIs("one\ntwo\nthree\n");
    await scale(0);
    await kiln.ok(["volume", "restore", "data", id, "shop", "--yes"]);
    expect(await exported()).toBe("one\ntwo\n");
    const { snapshots } = await volume();
    expect(snapshots.map(({ reason, release }) => [reason, release])).toEqual([
      ["asked", 2],
      ["before-restore", 3],
    ]);
    await kiln.ok(["volume", "restore", "data", snapshots[1]?.id ?? "", "shop", "--yes"]);
    await scale(1);
    await pageIs("one\ntwo\nthree\n");
  });

  test("an exported archive has the data of one moment, and is imported again", async () => {
    const file = join(shop.folder, "out.tar");
    await kiln.ok(["volume", "export", "data", "shop", "--output", file]);
    await deploy("four");
    await pageIs("one\ntwo\nthree\nfour\n");
    await scale(0);
    await writeFile(join(shop.folder, "broken.tar"), "this is not an archive".repeat(100));
    const broken = ["volume", "import", "data", join(shop.folder, "broken.tar"), "shop", "--yes"];
    const { code, stderr } = await kiln.run(broken);
    expect([code, stderr]).toEqual([2, expect.stringContaining("not a tar archive")]);
    expect(await exported()).toBe("one\ntwo\nthree\nfour\n");
    await kiln.ok(["volume", "import", "data", file, "shop", "--yes"]);
    expect(await exported()).toBe("one\ntwo\nthree\n");
    await scale(1);
    await pageIs("one\ntwo\nthree\nfour\n");
  });

  test("a rollback keeps the data, and with --with-data it says what is lost and goes back", async () => {
    const withSnapshots = servers.replace("}]", ", snapshot: before-rollout, keep: 1 }]");
    await deploy("five", withSnapshots); // keeps the data of release 4
    const four = "one\ntwo\nthree\nfour\n";
    await kiln.ok(["rollback", "4", "--service", "shop"]);
    await pageIs(`${four}five\n`);
    await deploy("six", withSnapshots);
    const { snapshots } = await volume();
    const automatic = snapshots.filter(({ reason }) => reason === "before-rollout");
    expect(automatic.map(({ release }) => release)).toEqual([4]);
    const plan = (await kiln.ok(["rollback", "4", "--service", "shop", "--with-data", "--plan"])).stdout;
    expect(plan).toMatch(/volume data: goes back to the snapshot .* of release 4, as of .*is lost/);
    const unasked = await kiln.run(["rollback", "4", "--service", "shop", "--with-data"]);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining("is lost to the service")]);
    await kiln.ok(["rollback", "4", "--service", "shop", "--with-data", "--yes"]);
    await pageIs(`${four}five\n`); // as it was when release 6 came
    expect((await volume()).snapshots.at(-1)).toMatchObject({ reason: "before-restore", release: 6 });
  });

  test("a release that cannot read the data never gets it", async () => {
    const version = (number: number) => servers.replace("}]", `, dataVersion: ${number} }]`);
    await deploy("seven", version(1));
    await shop.configure({ servers: version(2), command: command("eight") });
    expect((await kiln.ok(["plan"], { cwd: shop.folder })).stdout).toContain(
      "it stops instead of going back",
    );
    await kiln.ok(["deploy"], { cwd: shop.folder });
    const back = await kiln.run(["rollback", "7", "--service", "shop"]);
    expect([back.code, back.stderr]).toEqual([3, expect.stringContaining("data of version 2")]);
    await shop.configure({ servers: version(1), command: command("nine") });
    const older = await kiln.run(["deploy"], { cwd: shop.folder });
    expect([older.code, older.stderr]).toEqual([2, expect.stringContaining("reads version 1 at most")]);
  });

  test("it outlasts its service, and goes with all of it when it is removed", async () => {
    const { stdout } = await kiln.ok(["remove", "shop", "--yes"]);
    expect(stdout).toContain("The data of its volumes stays (data)");
    expect((await volume()).servers).toEqual([]);
    await kiln.ok(["volume", "rm", "data", "shop", "--yes"]);
    expect(await kiln.json(["volume", "ls"])).toEqual([]);
    expect(existsSync(join(kiln.home, "volumes/shop/data"))).toBe(false);
    const { code, stderr } = await kiln.run(["volume", "show", "data", "shop"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("volume_unknown")]);
  });
});
