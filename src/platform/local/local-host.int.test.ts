import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { linkIfThere } from "../../lib/process/proc.ts";
import { aCall, hostPerTest, TestHost, until, whyNoContainers } from "./test-host.ts";
import { testRelease } from "./test-image.ts";

const reason = whyNoContainers();
if (reason) console.log(`The local host is not tested: ${reason}.`);

describe.skipIf(reason)("a local host", () => {
  let t: TestHost;
  hostPerTest((host) => {
    t = host;
  });

  const id = "shop-1-1-1";
  const forever = "while :; do sleep 1; done";

  test("can be used here", async () => {
    const readiness = await t.host.probe(aCall());
    expect(readiness).toMatchObject({ usable: true });
    expect(readiness.facts).toContainEqual(expect.stringMatching(/^runc \d/));
  });

  test("makes nothing outside of a server's root, wherever its image or release says that a folder or file is", async () => {
    const outside = mkdtempSync("/tmp/kiln-outside-");
    const up = `/${"../".repeat(12)}`;
    const out = `${up}${outside}/made`;
    try {
      for (const workingFolder of [out, `/srv/..${out}`]) {
        await expect(t.run(id, forever, {}, { workingFolder })).rejects.toMatchObject({
          code: "image_invalid",
        });
      }
      await expect(t.run(id, forever, { writable: [out] })).rejects.toMatchObject({ code: "image_invalid" });
      const files = [{ from: "x", to: `${out}/file`, mode: 0o644, digest: "sha256:0" }];
      const placed = t.run(id, forever, {}, {}, { files });
      await expect(placed).rejects.toMatchObject({ code: "image_invalid" });
      expect(readdirSync(outside)).toEqual([]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  test("can be looked at by many at once, which leaves nothing", async () => {
    const looks = await Promise.all(Array.from({ length: 6 }, () => t.host.probe(aCall())));
    expect(looks.map(({ usable, gaps }) => ({ usable, gaps }))).toEqual(
      looks.map(() => ({ usable: true, gaps: looks[0]?.gaps })),
    );
    expect(await t.traces()).toEqual([]);
  });

  test("leaves no process in the namespaces of a server that is gone, and kills no others", async () => {
    using near = sleeper([]);
    const enter = (pid: number) =>
      sleeper(["nsenter", `--target=${pid}`, "--mount", "--net", "--ipc", "--uts"]);
    for (const how of ["destroy", "stop"] as const) {
      const { pid } = await runningServer();
      using stranger = enter(pid);
      await until(() => linkIfThere(`/proc/${stranger.pid}/ns/mnt`) === linkIfThere(`/proc/${pid}/ns/mnt`));
      if (how === "stop") await t.host.stop(id, 10, aCall());
      await t.host.destroy(id, aCall());
      await until(() => stranger.ended());
      expect(near.ended()).toBe(false);
    }
  });

  test("leaves no process in the network of a server whose first process was killed", async () => {
    const { pid } = await runningServer();
    using stranger = sleeper(["nsenter", `--target=${pid}`, "--mount", "--net"]);
    await until(() => linkIfThere(`/proc/${stranger.pid}/ns/mnt`) === linkIfThere(`/proc/${pid}/ns/mnt`));
    process.kill(pid, "SIGKILL");
    await until(async () => (await t.find(id))?.state === "exited");
    await t.host.destroy(id, aCall());
    await until(() => stranger.ended());
  });

  /** Its first process. */
  async function runningServer(): Promise<{ readonly pid: number }> {
    await t.run(id, forever);
    const text = readFileSync(join(t.state.home, "servers", id, "record.json"), "utf8");
    return (JSON.parse(text) as { running: { process: { pid: number } } }).running.process;
  }

  test("takes a server from its start to its end, and a new host finds the same", async () => {
    const made = await t.run(id, `trap 'echo bye; exit 7' TERM; echo hello; ${forever}`);
    expect(made).toMatchObject({ id, state: "running", exit: undefined, release: { service: "shop" } });
    await until(async () => (await t.lines(id)).includes("hello"));
    expect(await t.reopen().list(aCall())).toEqual([made]);

    await t.reopen().stop(id, 10_000, aCall());
    const stopped = await t.find(id);
    expect(stopped).toMatchObject({
      state: "exited",
      address: undefined,
      exit: { code: 7, oomKilled: false },
    });
    expect(await t.lines(id)).toEqual(["hello", "bye"]);
    expect(await t.traces()).toEqual([]);
    await t.host.stop(id, 0, aCall());
    expect(await t.find(id)).toEqual(stopped);

    await t.host.destroy(id, aCall());
    await t.host.destroy(id, aCall());
    expect(await t.host.list(aCall())).toEqual([]);
    await expect(t.lines(id)).rejects.toMatchObject({ code: "server_unknown" });
  });

  test("creates a server once", async () => {
    const [one, two] = await Promise.all([t.run(id, forever), t.run(id, forever)]);
    expect(two).toEqual(one);
    expect(await t.host.list(aCall())).toHaveLength(1);
  });

  test("tells at once when a server has ended, and keeps it until it is destroyed", async () => {
    const ended: string[] = [];
    using _watch = t.host.watch((server) => ended.push(server));
    await t.run(id, "echo no; exit 3");
    await until(() => ended.includes(id));
    expect(await t.find(id)).toMatchObject({ state: "exited", exit: { code: 3 } });
    expect(await t.run(id, "echo again")).toMatchObject({ state: "exited", exit: { code: 3 } });
    expect(await t.lines(id)).toEqual(["no"]);
  });

  test("says clearly why a server cannot start, and leaves nothing of it", async () => {
    await expect(t.run(id, "", {}, { argv: ["nginx"] })).rejects.toMatchObject({
      code: "server_failed",
      message: `${id} cannot start: there is no program nginx in its image.`,
    });
    await expect(t.run(id, "", {}, { argv: ["/srv/missing"] })).rejects.toMatchObject({
      message: `${id} cannot start: there is no program /srv/missing in its image.`,
    });
    await expect(t.run(id, "", {}, { argv: ["/srv/page"] })).rejects.toMatchObject({
      message: `${id} cannot start: /srv/page is not executable for the image's user.`,
    });
    await expect(t.run(id, "", { writable: ["/srv/page"] })).rejects.toMatchObject({ code: "image_invalid" });
    const gone = { id, release: testRelease("sha256:gone") };
    await expect(t.host.create(gone, aCall())).rejects.toMatchObject({ code: "image_unknown" });
    await expect(t.host.check(gone.release, aCall())).rejects.toMatchObject({ code: "image_unknown" });
    await expect(t.host.prepare(gone.release, aCall())).rejects.toMatchObject({ code: "image_unknown" });
    expect(await t.host.list(aCall())).toEqual([]);
    expect(await t.traces()).toEqual([]);
  });

  test("kills a server that ignores its stop signal", async () => {
    await t.run(id, `trap '' TERM; echo up; ${forever}`);
    await until(async () => (await t.lines(id)).includes("up"));
    await t.host.stop(id, 100, aCall());
    expect(await t.find(id)).toMatchObject({ state: "exited", exit: { code: 137, oomKilled: false } });
  });

  test("sends the stop signal that the image names", async () => {
    await t.run(id, `trap 'exit 5' QUIT; trap '' TERM; echo up; ${forever}`, {}, { stopSignal: "SIGQUIT" });
    await until(async () => (await t.lines(id)).includes("up"));
    await t.host.stop(id, 10_000, aCall());
    expect(await t.find(id)).toMatchObject({ exit: { code: 5 } });
  });

  test("tells when a server was killed for want of memory", async () => {
    await t.run(id, `exec perl -e 'my @a; push @a, "x" x 1000000 for 1..200; sleep 9'`, {
      memoryBytes: 24 * 2 ** 20,
    });
    await until(async () => (await t.find(id))?.state === "exited");
    expect(await t.find(id)).toMatchObject({ exit: { code: 137, oomKilled: true } });
  });

  test("gives ten servers at once an address each, which ends with them", async () => {
    const servers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => t.run(`shop-1-${i + 1}-1`, forever)),
    );
    expect(new Set(servers.map(({ address }) => address)).size).toBe(10);
    await t.destroyAll();
    const next = await t.run("shop-2-1-1", forever);
    expect(servers.map(({ address }) => address)).toContain(next.address);
  });

  const answering = `exec perl -MIO::Socket::INET -e '
    $s = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 9, ReuseAddr => 1) or die $!;
    print "up\\n"; $| = 1; close(STDOUT);
    while ($c = $s->accept) { print $c "hello from $ENV{KILN_SERVER}\\n"; close $c }'`;

  test("lets the machine reach a server, below port 1024 too, but not one server another", async () => {
    const one = await t.run(id, answering, { port: 80 });
    const two = await t.run("cart-1-1-1", answering, { port: 80 });
    await until(async () => (await greeting(one.address ?? "")) === `hello from ${id}\n`);
    await until(async () => (await greeting(two.address ?? "")) === "hello from cart-1-1-1\n");
    await t.run(
      "cart-1-2-1",
      `exec perl -MIO::Socket::INET -e '
        print IO::Socket::INET->new(PeerAddr => "${one.address}:80", Timeout => 1) ? "open" : "closed", "\n"'`,
    );
    expect(await t.output("cart-1-2-1")).toBe("closed");
  });

  test("gives servers a way out through the machine's address", async () => {
    const { address } = await t.run(id, "cat /proc/net/route; cat /etc/resolv.conf");
    const table = (await exec(["nft", "list", "table", "inet", `kiln-${t.state.tag}`])).stdout;
    expect(table).toMatch(/ip saddr 10\.\d+\.\d+\.0\/22 oifname != "kiln-\w+" masquerade/);
    const [, defaultRoute] = (await t.output(id)).split("\n");
    expect(defaultRoute).toMatch(/^eth0\s+00000000\s+[0-9A-F]{4}[0-9A-F]{2}0A\s/);
    expect(address).toMatch(/^10\./);
  });

  test("shares the machine with a host of another state folder", async () => {
    const other = new TestHost(t.images);
    try {
      const [mine, theirs] = await Promise.all([t.run(id, forever), other.run(id, forever)]);
      expect(mine.address).not.toBe(theirs.address);
      await t.host.destroy(id, aCall());
      expect(await t.traces()).toEqual([]);
      expect(await other.host.list(aCall())).toMatchObject([{ id, state: "running" }]);
    } finally {
      await other[Symbol.asyncDispose]();
      expect(await other.traces()).toEqual([]);
    }
  });
});

/** What a server says to a client; undefined when it does not listen. */
function greeting(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: 80, timeout: 10_000 });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", () => resolve(undefined));
  });
}

/** A process of the machine's that waits; `prefix` may take it elsewhere. */
function sleeper(prefix: readonly string[]) {
  const [program = "sleep", ...rest] = [...prefix, "sleep", "1000"];
  const child = spawn(program, rest, { stdio: "ignore" });
  return {
    pid: child.pid ?? 0,
    ended: () => child.exitCode !== null || child.signalCode !== null,
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}
