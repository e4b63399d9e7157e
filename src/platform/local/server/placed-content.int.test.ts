import { lstatSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Release } from "../../../domain/rollout/release.ts";
import { exec } from "../../../lib/process/exec.ts";
import { aCall, hostPerTest, type TestHost, until, whyNoContainers } from "../test-host.ts";
import { testRelease } from "../test-image.ts";

const reason = whyNoContainers();
if (reason) console.log(`Secrets and files of servers are not tested: ${reason}.`);

const tmpfsMagic = 0x01021994; // TMPFS_MAGIC of statfs(2)

describe.skipIf(reason)("what a release brings besides its image", () => {
  let t: TestHost;
  hostPerTest((host) => {
    t = host;
  });

  const id = "shop-1-1-1";
  const forever = "while :; do sleep 1; done";
  const asFile = (name: string, path = `/run/secrets/${name}`) =>
    ({ name, version: 1, delivery: { kind: "file", path } }) as const;
  const asVariable = (name: string, variable: string) =>
    ({ name, version: 1, delivery: { kind: "env", variable } }) as const;
  const run = (script: string, release: Partial<Release>, writable = ["/run", "/tmp"]) =>
    t.run(id, script, { writable }, {}, release);
  /** Files on the disk or in memory below the state folder that hold the text, as this process sees them. */
  async function filesWith(text: string): Promise<readonly string[]> {
    const { stdout } = await exec(["grep", "-rlaF", "--devices=skip", "--", text, t.state.home], {
      accept: [0, 1],
    });
    return stdout.split("\n").filter(Boolean);
  }

  test("secrets are files in memory, for the server's user alone, whatever is writable", async () => {
    t.values.set("A 1", "value of a");
    t.values.set("B 1", Buffer.from([0, 255, 10]));
    t.values.set("C 1", "elsewhere");
    const secrets = [asFile("A"), asFile("B", "/run/secrets/deep/er/b.key"), asFile("C", "/srv/tls/c.key")];
    await run(
      `cat /run/secrets/A; echo; cat /srv/tls/c.key; echo
       perl -e 'local $/; open F, "/run/secrets/deep/er/b.key"; print join(",", unpack("C*", <F>)), "\\n"'
       perl -e 'for (@ARGV) { @s = stat; printf "%s %o %d:%d\\n", $_, $s[2] & 07777, $s[4], $s[5] }' \\
         /run/secrets /run/secrets/A /run/secrets/deep /run/secrets/deep/er/b.key /srv/tls/c.key
       for f in /run/secrets/A /srv/tls/c.key; do
         chmod 600 $f 2>/dev/null && echo changed; (echo x > $f) 2>/dev/null && echo written
       done
       touch /run/secrets/mine 2>/dev/null && echo made; touch /run/mine && echo run is writable`,
      { secrets },
    );
    expect((await t.output(id)).split("\n")).toEqual([
      ...["value of a", "elsewhere", "0,255,10"],
      ...["/run/secrets 500 1000:1000", "/run/secrets/A 400 1000:1000", "/run/secrets/deep 500 1000:1000"],
      ...["/run/secrets/deep/er/b.key 400 1000:1000", "/srv/tls/c.key 400 1000:1000"],
      "run is writable",
    ]);
  });

  test("they work in a read-only /run too, and for root without capabilities", async () => {
    t.values.set("A 1", "value");
    await t.run(id, "cat /run/secrets/A", { writable: [] }, { uid: 0, gid: 0 }, { secrets: [asFile("A")] });
    expect(await t.output(id)).toBe("value");
  });

  test("a value is in the server and nowhere on the disk, in no argument, and gone with the server", async () => {
    const value = "correct-horse-battery-staple";
    t.values.set("A 1", value);
    t.values.set("B 1", `${value}-b`);
    const script = `echo up; [ "$TOKEN" = "$(cat /run/secrets/A)-b" ] && echo both; ${forever}`;
    await run(script, { secrets: [asFile("A"), asVariable("B", "TOKEN")] });
    await until(async () => (await t.lines(id)).includes("both"));
    expect(await t.lines(id)).toEqual(["up", "both"]);
    const memory = join(t.state.servers, id, "secrets");
    expect(await filesWith(value)).toEqual([join(memory, "folder/A")]);
    expect([statfsSync(memory).type, lstatSync(memory).mode & 0o777]).toEqual([tmpfsMagic, 0o700]);
    expect((await exec(["ps", "-eo", "args"])).stdout).not.toContain(value);
    const pid = readFileSync(join(t.state.servers, id, "pid"), "utf8");
    expect(readFileSync(`/proc/${pid}/environ`, "latin1")).toContain(`TOKEN=${value}-b\0`);

    await t.reopen().stop(id, 0, aCall());
    expect(await filesWith(value)).toEqual([]);
    expect(await t.traces()).toEqual([]);
    await t.host.destroy(id, aCall());
  });

  test("a server that cannot start leaves no memory in use", async () => {
    t.values.set("A 1", "value");
    t.images.images.set(id, { ...(await t.images.open(id, aCall())), argv: ["/srv/missing"] });
    const release = { ...testRelease(id), secrets: [asFile("A"), asVariable("A", "TOKEN")] };
    await expect(t.host.create({ id, release }, aCall())).rejects.toMatchObject({ code: "server_failed" });
    expect(await t.traces()).toEqual([]);
  });

  test("what cannot be opened stops a server before anything of it is made", async () => {
    await expect(run(forever, { secrets: [asFile("GONE")] })).rejects.toMatchObject({
      code: "secret_missing",
    });
    expect(await t.host.list(aCall())).toEqual([]);
    expect(await t.traces()).toEqual([]);
  });

  test("files of the release lie over the image's, read-only, and belong to its user", async () => {
    const files = [
      { to: "/srv/page", mode: 0o444, digest: "sha256:one" },
      { to: "/etc/app/new.conf", mode: 0o400, digest: "sha256:two" },
      { to: "/var/run/app.conf", mode: 0o640, digest: "sha256:three" },
    ];
    await run(
      `for f in /srv/page /etc/app/new.conf /run/app.conf; do cat $f; echo; done
       perl -e 'for (@ARGV) { @s = stat; printf "%o %d\\n", $s[2] & 07777, $s[4] }' \\
         /srv/page /etc/app/new.conf /run/app.conf
       (echo x > /run/app.conf) 2>/dev/null && echo written; true`,
      { files },
      ["/tmp"],
    );
    expect((await t.output(id)).split("\n")).toEqual([
      ...["content of sha256:one", "content of sha256:two", "content of sha256:three"],
      ...["444 1000", "400 1000", "640 1000"],
    ]);
  });

  test("servers of two releases of one image have each their own", async () => {
    t.values.set("A 1", "old");
    t.values.set("A 2", "new");
    const script = "cat /run/secrets/A";
    await run(script, { secrets: [asFile("A")] });
    await t.run("shop-2-1-1", script, {}, {}, { secrets: [{ ...asFile("A"), version: 2 }] });
    expect([await t.output(id), await t.output("shop-2-1-1")]).toEqual(["old", "new"]);
  });
});
