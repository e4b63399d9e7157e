import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { exec } from "../../../lib/exec.ts";
import type { Host, HostServer } from "../../fleet/host.ts";
import { networkProber } from "../../fleet/network-prober.ts";
import { hostPaths } from "../paths.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../test-host.ts";
import { parseAddress } from "./addresses.ts";
import { recordedNetwork } from "./choice.ts";
import { bridgeName, mostConnections, portOf } from "./commands.ts";

/**
 * What is damaged here is never the machine's: the file runs itself again in namespaces of its own, and all but one of its
 * tests run there. Its network has nothing but a link that stands for the way to the world.
 */
const isInside = process.env.KILN_OWN_NAMESPACES === "1";
const reason = whyNoContainers();
if (reason) console.log(`Damage to the machine's network is not tested: ${reason}.`);

describe.skipIf(reason !== undefined || isInside)("the machine's network", () => {
  test("is mended or told of, whatever damages it (in namespaces of its own)", async () => {
    const own = ["--net", "--mount", "--propagation=private"];
    const vitest = join(import.meta.dirname, "../../../../node_modules/vitest/vitest.mjs");
    const argv = [...own, process.execPath, vitest, "run", "--project=integration", import.meta.filename];
    const ours = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|TEST)/.test(name));
    const env = { ...Object.fromEntries(ours), KILN_OWN_NAMESPACES: "1" };
    const child = spawn("unshare", argv, { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
      });
    }
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code, said).toBe(0);
  });
});

/** Answers every connection, and tells in whose name. */
const answering = `exec perl -e '
  use Socket; socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
  bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 50); $| = 1; print "listening\\n";
  while (accept(C, S)) { sysread(C, $b, 4096); syswrite(C, "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"); close(C); }'`;

describe.skipIf(reason !== undefined || !isInside)("inside", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let host: Host;
  let servers: HostServer[] = [];

  beforeAll(async () => {
    mkdirSync("/run/netns", { recursive: true });
    await exec(["mount", "-t", "tmpfs", "none", "/run/netns"]);
    const lines = [
      "link set lo up",
      "link add world type veth peer name far",
      "link set far up",
      "addr add 192.0.2.2/24 dev world",
    ];
    await ip(...lines, "link set world up", "route add default via 192.0.2.1");
    images = await openImages();
  });
  afterAll(() => images?.[Symbol.dispose]());
  beforeEach(() => {
    t = new TestHost(images);
    host = t.host;
    servers = [];
  });
  afterEach(async () => {
    try {
      await t.destroyAll();
      expect(await t.traces()).toEqual([]);
      expect((await exec(["ip", "route", "show", "table", "all"])).stdout).not.toContain("proto 107");
    } finally {
      await t[Symbol.asyncDispose]();
    }
  });

  async function start(count: number): Promise<void> {
    for (let slot = 1; slot <= count; slot++) servers.push(await t.run(`shop-1-${slot}-1`, answering));
    await until(async () => (await Promise.all(servers.map(isReached))).every((reached) => reached));
    await host.list(aCall());
    expect(host.troubles?.()).toEqual(withoutNameServers);
  }

  const bridge = () => bridgeName(t.state.tag);
  const portOfFirst = () => {
    const network = recordedNetwork(hostPaths(t.state), t.state.tag);
    const address = parseAddress(servers[0]?.address ?? "");
    if (!network || address === undefined) throw new Error("no server has been started");
    return portOf(network, "shop-1-1-1", address);
  };
  const gateway = () => servers[0]?.reachedFrom ?? "";
  const told = () => (host.troubles?.() ?? []).map(({ message }) => message).join("\n");

  /** What the controller does when a health check fails, or when ten seconds have passed. */
  async function look(): Promise<readonly HostServer[]> {
    host.suspect?.();
    return host.list(aCall());
  }

  const subnet = () => `${gateway().replace(/\d+$/, "0")}/22`;
  const first = () => servers[0]?.address ?? "";

  interface Damage {
    readonly what: string;
    readonly done: () => Promise<unknown>;
    readonly told: RegExp;
  }

  const mendable: readonly Damage[] = [
    {
      what: "the bridge's address removed",
      done: () => ip(`addr flush dev ${bridge()}`),
      told: /had other addresses/,
    },
    { what: "the bridge deleted", done: () => ip(`link del ${bridge()}`), told: /bridge \S+ was deleted/ },
    { what: "the bridge down", done: () => ip(`link set ${bridge()} down`), told: /was down/ },
    {
      what: "another MAC address",
      done: () => ip(`link set ${bridge()} address 02:00:00:00:00:09`),
      told: /MAC/,
    },
    { what: "another MTU", done: () => ip(`link set ${bridge()} mtu 1280`), told: /MTU/ },
    {
      what: "a second address",
      done: () => ip(`addr add 10.9.9.9/24 dev ${bridge()}`),
      told: /had other addresses/,
    },
    {
      what: "an IPv6 address",
      done: () => ip(`addr add fd00:9::1/64 dev ${bridge()}`),
      told: /IPv6 addresses/,
    },
    { what: "the route deleted", done: () => ip(`route del ${subnet()} dev ${bridge()}`), told: /route to/ },
    { what: "the guard deleted", done: () => ip(`route del unreachable ${subnet()}`), told: /keeps traffic/ },
    {
      what: "all packet filters flushed",
      done: () => exec(["nft", "flush", "ruleset"]),
      told: /table inet \S+ was deleted/,
    },
    {
      what: "a rule put before ours",
      done: () => exec(["nft", "insert", "rule", "inet", bridge(), "forward", "accept"]),
      told: /table inet \S+ was changed/,
    },
    {
      what: "forwarding off",
      done: async () => writeFileSync("/proc/sys/net/ipv4/ip_forward", "0"),
      told: /forwarding of IPv4/i,
    },
    { what: "FORWARD DROP", done: () => exec(["iptables", "-P", "FORWARD", "DROP"]), told: /FORWARD chain/ },
    {
      what: "a link off the bridge",
      done: () => ip(`link set ${portOfFirst().link} nomaster`),
      told: /not on the bridge/,
    },
    {
      what: "a link down",
      done: () => ip(`link set ${portOfFirst().link} down`),
      told: /link \S+ of shop-1-1-1 was down/,
    },
    {
      what: "isolation off",
      done: () => ip(`link set ${portOfFirst().link} type bridge_slave isolated off`),
      told: /reached other servers/,
    },
    {
      what: "the namespace's name removed",
      done: () => ip(`netns del ${portOfFirst().namespace}`),
      told: /name of shop-1-1-1's network namespace/,
    },
  ];

  test.each(["while a controller runs", "before a controller starts"])(
    "all is mended that is damaged %s",
    async (when) => {
      await start(2);
      for (const damage of mendable) {
        await damage.done();
        if (when.startsWith("before")) host = t.reopen();
        const listed = await look();
        expect(told(), damage.what).toMatch(damage.told);
        expect(await Promise.all(servers.map(isReached)), damage.what).toEqual([true, true]);
        expect(
          listed.filter(({ lost }) => lost),
          damage.what,
        ).toEqual([]);
        // A second look finds nothing left to mend: only what was told remains.
        const before = told();
        await look();
        expect(told()).toBe(before);
        host = t.reopen();
      }
      await exec(["iptables", "-P", "FORWARD", "ACCEPT"]);
    },
  );

  test("what others divert is named with its cause, and no server is made meanwhile", async () => {
    await start(1);
    await ip(`route add ${first()}/32 dev world`);
    await look();
    expect(told()).toMatch(`to world: route ${first()} dev world (table main)`);
    await expect(probe(servers[0])).resolves.toMatchObject({ ok: false });
    await ip(`route del ${first()}/32 dev world`, "route add default via 192.0.2.1 table 100");
    await ip(`rule add to ${subnet()} lookup 100`);
    await look();
    expect(told()).toMatch(/to world: .*ip rule \d+ \(table 100\)/);
    host = t.reopen();
    await expect(
      host.create({ id: "shop-1-2-1", release: (servers[0] as HostServer).release }, aCall()),
    ).rejects.toMatchObject({
      code: "platform_unusable",
    });
    await ip(`rule del to ${subnet()} lookup 100`);
    await look();
    expect(host.troubles?.()).toEqual(withoutNameServers);
  });

  test("a chain of others that drops forwarded packets is named", async () => {
    await start(1);
    const rules =
      "table inet wall {\n chain guard {\n type filter hook forward priority 0; policy drop;\n }\n}\n";
    await exec(["nft", "-f", "-"], { input: rules });
    await look();
    await exec(["nft", "delete", "table", "inet", "wall"]);
    expect(told()).toMatch("inet wall guard");
  });

  test.each([
    ["its link is deleted", () => ip(`link del ${portOfFirst().link}`), /network link \S+ was deleted/],
    [
      "its address is removed",
      () =>
        exec([
          "nsenter",
          `--net=/run/netns/${portOfFirst().namespace}`,
          "ip",
          "addr",
          "flush",
          "dev",
          "eth0",
        ]),
      /changed from inside/,
    ],
  ] as const)("a server is lost when %s, and no other", async (_what, done, words) => {
    await start(2);
    await done();
    const [one, two] = await look();
    expect(one?.lost).toMatch(words);
    expect(two).not.toHaveProperty("lost");
    expect(await Promise.all(servers.map(isReached))).toEqual([false, true]);
  });

  test("traffic for servers never leaves by the default gateway", async () => {
    await start(1);
    await ip(`addr flush dev ${bridge()}`);
    await expect(exec(["ip", "route", "get", first()])).rejects.toThrow(/No route to host/);
    expect(await probe(servers[0])).toMatchObject({ ok: false, words: "no route to it", unreached: true });
    await look();
  });

  test("a leftover of ours with another subnet is put right, not taken for a foreign network", async () => {
    await ip(
      `link add ${bridge()} type bridge`,
      `addr add 10.199.0.1/22 dev ${bridge()}`,
      `link set ${bridge()} up`,
    );
    await start(1);
    const { stdout } = await exec(["ip", "-o", "-4", "addr", "show", "dev", bridge()]);
    expect(stdout).toContain(`inet ${gateway()}/22`);
    expect(stdout).not.toContain("10.199.0.1");
  });

  test("subnets are chosen once; another one only when it is taken and nobody uses it", async () => {
    await start(1);
    const chosen = gateway();
    await t.destroyAll();
    servers = [];
    await start(1);
    expect(gateway()).toBe(chosen);
    await t.destroyAll();
    servers = [];
    await ip(`route add ${chosen}/32 dev world`);
    await start(1);
    expect(gateway()).not.toBe(chosen);
    await ip(`route del ${chosen}/32 dev world`);
  });

  test("what is made half is taken back", async () => {
    const folder = mkdtempSync("/tmp/kiln-path-");
    const path = process.env.PATH;
    symlinkSync("/bin/false", join(folder, "nft"));
    process.env.PATH = `${folder}:${path}`;
    try {
      await expect(t.run("shop-1-1-1", answering)).rejects.toThrow();
    } finally {
      process.env.PATH = path;
      rmSync(folder, { recursive: true });
    }
    expect(await t.traces()).toEqual([]);
  });

  test("servers have no IPv6 way to the machine, and a bounded number of tracked connections", async () => {
    const script = `cat /proc/net/if_inet6; exec perl -e '
      use Socket; socket(S, PF_INET, SOCK_DGRAM, 17);
      send(S, "x", 0, sockaddr_in($_, inet_aton($ENV{TO}))) for 1 .. ${mostConnections + 4000}; print "sent\\n"'`;
    await start(1);
    await t.run("flood-1-1-1", script.replace("$ENV{TO}", `"${gateway()}"`));
    const lines = (await t.output("flood-1-1-1")).split("\n");
    expect(lines.filter((line) => line.endsWith("eth0"))).toEqual([]);
    expect(lines).toContain("sent");
    const count = Number(readFileSync("/proc/sys/net/netfilter/nf_conntrack_count", "utf8"));
    expect(count).toBeGreaterThan(mostConnections - 500);
    expect(count).toBeLessThan(mostConnections + 500);
    expect(await isReached(servers[0])).toBe(true);
  });
});

/** The machine that runs the tests may have none that a server reaches; that is told too. */
const withoutNameServers = expect.toSatisfy((troubles: readonly { message: string }[]) =>
  troubles.every(({ message }) => /name server/.test(message)),
);

function ip(...lines: string[]): Promise<unknown> {
  return exec(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

function probe(server: HostServer | undefined) {
  const { id = "", address, reachedFrom: from } = server ?? {};
  const check = { kind: "http", path: "/" } as const;
  return networkProber().probe(
    { ...{ id, address, from, port: 8080, check, host: undefined }, timeoutMs: 1000 },
    aCall().signal,
  );
}

async function isReached(server: HostServer | undefined): Promise<boolean> {
  return (await probe(server)).ok;
}
