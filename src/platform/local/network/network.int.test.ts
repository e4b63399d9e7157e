import assert from "node:assert";
import { get } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { exec } from "../../../lib/process/exec.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import { freePort } from "../../../lib/testing.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import { haproxyRouter } from "../../../router/haproxy/haproxy-router.ts";
import { missingHaproxy } from "../../../router/haproxy/process/installation.ts";
import { noSecret } from "../../../router/test-certificates.ts";
import { createFleet } from "../../fleet/fleet.ts";
import { networkProber } from "../../fleet/health/network-prober.ts";
import type { Host, HostServer } from "../../fleet/host.ts";
import { formatSubnet, parseAddress } from "../../linux/addresses.ts";
import { hostPaths } from "../paths.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../test-host.ts";
import { servedRelease, testRelease } from "../test-image.ts";
import { recordedNetwork } from "./choice.ts";
import { bridgeName, mostConnections, portOf } from "./commands.ts";
import { type DamagedNames, mendableDamages } from "./damages.ts";
import { furnish, ip, isInside, runInside } from "./own-namespaces.ts";

const reason = whyNoContainers() ?? (await missingHaproxy());
if (reason) console.log(`Damage to the machine's network is not tested: ${reason}.`);

describe.skipIf(reason !== undefined || isInside)("the machine's network", () => {
  test("is put right or told of, whatever damages it (in namespaces of its own)", async () => {
    const { code, said } = await runInside(import.meta.filename);
    expect(code, said).toBe(0);
  });
});

/** Answers every connection. */
const answering = `exec perl -e '
  use Socket; socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
  bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 50);
  while (accept(C, S)) { sysread(C, $b, 4096); syswrite(C, "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"); close(C); }'`;

describe.skipIf(reason !== undefined || !isInside)("in namespaces of its own", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let host: Host;
  let servers: HostServer[] = [];

  beforeAll(async () => {
    await furnish();
    images = await openImages();
  });
  afterAll(() => images?.[Symbol.dispose]());

  async function start(count: number): Promise<void> {
    servers = [];
    for (let slot = 1; slot <= count; slot++) servers.push(await t.run(`shop-1-${slot}-1`, answering));
    await until(async () => (await Promise.all(servers.map(isReached))).every((reached) => reached));
  }

  async function leaveNothing(): Promise<void> {
    try {
      await t.destroyAll();
      expect(await t.traces()).toEqual([]);
      expect((await exec(["ip", "route", "show", "table", "all"])).stdout).not.toContain("proto 107");
    } finally {
      await t[Symbol.asyncDispose]();
    }
  }

  const bridge = () => bridgeName(t.state.tag);
  const first = () => servers[0]?.address ?? "";
  const gateway = () => servers[0]?.reachedFrom ?? "";
  const told = () => (host.troubles?.() ?? []).map(({ message }) => message).join("\n");

  function namesOf(server: HostServer | undefined): DamagedNames {
    const network = recordedNetwork(hostPaths(t.state), t.state.tag);
    const address = parseAddress(server?.address ?? "");
    assert(server && network && address !== undefined, "the server has been started");
    const named = {
      bridge: bridge(),
      subnet: formatSubnet(network.subnet),
      prefix: network.ipv6?.prefix ?? "",
    };
    return { ...named, ...portOf(network, server.id, address) };
  }

  /** What the controller does when a health check fails, or when ten seconds have passed. */
  function look(): Promise<readonly HostServer[]> {
    host.suspect?.();
    return host.list(aCall());
  }

  describe("while two servers run,", () => {
    beforeAll(async () => {
      t = new TestHost(images);
      await start(2);
    });
    beforeEach(() => {
      host = t.reopen();
    });
    afterAll(leaveNothing);

    test.each(["under a controller", "before one starts"])(
      "all is put right that is damaged %s",
      async (when) => {
        const isUnder = when.startsWith("under");
        await host.list(aCall());
        for (const damage of mendableDamages(namesOf(servers[0]))) {
          await damage.done();
          if (!isUnder) host = t.reopen();
          const listed = await look();
          expect(told(), damage.what).toMatch(damage.told);
          expect(await Promise.all(servers.map(isReached)), damage.what).toEqual([true, true]);
          expect(
            listed.filter(({ lost }) => lost),
            damage.what,
          ).toEqual([]);
        }
        const before = told();
        await look();
        expect(told(), "nothing more is found").toBe(before);
        for (const program of ["iptables", "ip6tables"]) await exec([program, "-P", "FORWARD", "ACCEPT"]);
      },
    );

    test("what others divert is named with its cause, and no server is made meanwhile", async () => {
      await ip(`route add ${first()}/32 dev world`);
      await look();
      expect(told()).toMatch(`to world: route ${first()} dev world (table main)`);
      await expect(probe(servers[0])).resolves.toMatchObject({ ok: false });
      const { subnet } = namesOf(servers[0]);
      await ip(`route del ${first()}/32 dev world`, "route replace default via 192.0.2.1 table 100");
      await ip(`rule add to ${subnet} lookup 100`);
      await look();
      expect(told()).toMatch(/to world: .*ip rule \d+ \(table 100\)/);
      await expect(
        t.reopen().create({ id: "shop-1-3-1", release: testRelease("any") }, aCall()),
      ).rejects.toMatchObject({
        code: "platform_unusable",
      });
      await ip(`rule del to ${subnet} lookup 100`);
      await look();
      expect(told()).not.toMatch("world");
    });

    test("a chain of others that drops forwarded packets is named", async () => {
      const rules =
        "table inet wall {\nchain guard {\ntype filter hook forward priority 0; policy drop;\n}\n}\n";
      await exec(["nft", "-f", "-"], { input: rules });
      await look();
      await exec(["nft", "delete", "table", "inet", "wall"]);
      expect(told()).toMatch("inet wall guard");
    });

    test("traffic for servers never leaves by the default gateway", async () => {
      await ip(`addr flush dev ${bridge()}`);
      await expect(exec(["ip", "route", "get", first()])).rejects.toThrow(/No route to host/);
      expect(await probe(servers[0])).toMatchObject({ ok: false, words: "no route to it", unreached: true });
      await look();
      expect(await isReached(servers[0])).toBe(true);
    });

    test("a server has one IPv6 address, and a bounded number of tracked connections", async () => {
      const flood = `cat /proc/net/if_inet6; exec perl -e '
        use Socket; socket(S, PF_INET, SOCK_DGRAM, 17);
        send(S, "x", 0, sockaddr_in($_, inet_aton("${gateway()}"))) for 1 .. ${mostConnections + 2000}; print "sent\\n"'`;
      await t.run("flood-1-1-1", flood);
      const lines = (await t.output("flood-1-1-1")).split("\n");
      expect(lines.filter((line) => line.endsWith("eth0"))).toEqual([expect.stringMatching(/^fd.* 40 /)]);
      expect(lines).toContain("sent");
      const tracked = readIfThere("/proc/net/nf_conntrack");
      if (tracked === undefined)
        return console.log("Tracked connections are not counted: no /proc/net/nf_conntrack.");
      const flows = tracked
        .split("\n")
        .filter((line) => /\sudp\s/.test(line) && line.includes(`dst=${gateway()} `));
      expect(flows.length).toBeGreaterThan(mostConnections - 500);
      expect(flows.length).toBeLessThanOrEqual(mostConnections);
      expect(await isReached(servers[0])).toBe(true);
    });

    test("the bridge and new servers follow the MTU of the way out, and servers keep their links", async () => {
      const mtuOf = async (link: string) => {
        const { stdout } = await exec(["ip", "-o", "link", "show", "dev", link]);
        return Number(/ mtu (\d+) /.exec(stdout)?.[1]);
      };
      await look();
      const before = told();
      await ip("link set world mtu 1400");
      await look();
      const later = await t.run("later-1-1-1", answering);
      const links = () => Promise.all([bridge(), namesOf(servers[0]).link, namesOf(later).link].map(mtuOf));
      expect(await links()).toEqual([1400, 1500, 1400]);
      await ip("route replace default via 192.0.2.1 mtu 1380", "link set world mtu 1500");
      await look();
      expect(await links()).toEqual([1380, 1500, 1400]);
      await ip("route replace default via 192.0.2.1");
      await look();
      expect(await links()).toEqual([1400, 1500, 1400]);
      await host.destroy("later-1-1-1", aCall());
      await look();
      expect(await mtuOf(bridge())).toBe(1500);
      expect(told(), "no one has damaged anything").toBe(before);
      expect(await Promise.all(servers.map(isReached))).toEqual([true, true]);
    });

    test("servers without a link, or changed from inside, are lost, and no others", async () => {
      await ip(`link del ${namesOf(servers[0]).link}`);
      const ids = (await look())
        .filter(({ lost }) => lost?.match(/network link \S+ was deleted/))
        .map(({ id }) => id);
      expect(ids).toEqual(["shop-1-1-1"]);
      expect(await Promise.all(servers.map(isReached))).toEqual([false, true]);
      const inside = `--net=/run/netns/${namesOf(servers[1]).namespace}`;
      await exec(["nsenter", inside, "ip", "addr", "flush", "dev", "eth0"]);
      expect((await look()).find(({ id }) => id === "shop-1-2-1")?.lost).toMatch(/changed from inside/);
    });
  });

  describe("when a network is made,", () => {
    beforeEach(() => {
      t = new TestHost(images);
      host = t.host;
    });
    afterEach(leaveNothing);

    test("a leftover of ours with another subnet is put right, and recorded subnets are kept unless others take them", async () => {
      const wrong = "10.199.0.1/22";
      await ip(
        `link add ${bridge()} type bridge`,
        `addr add ${wrong} dev ${bridge()}`,
        `link set ${bridge()} up`,
      );
      await start(1);
      const chosen = gateway();
      const { stdout } = await exec(["ip", "-o", "-4", "addr", "show", "dev", bridge()]);
      expect(stdout).toContain(`inet ${chosen}/22`);
      expect(stdout).not.toContain(wrong);
      await t.destroyAll();
      await start(1);
      expect(gateway()).toBe(chosen);
      await t.destroyAll();
      await ip(`route add ${chosen}/32 dev world`);
      await start(1);
      expect(gateway()).not.toBe(chosen);
      await ip(`route del ${chosen}/32 dev world`);
    });

    test("what is made half is taken back", async () => {
      await ip("route replace default via 192.0.2.1 table 100", "rule add to 10.192.0.0/10 lookup 100");
      await expect(t.run("shop-1-1-1", answering)).rejects.toMatchObject({ code: "platform_unusable" });
      await ip("rule del to 10.192.0.0/10 lookup 100");
      expect(await t.traces()).toEqual([]);
    });

    test("under traffic, damage is put right and a lost server replaced without being asked", async () => {
      const port = await freePort();
      const release = servedRelease("any", port);
      images.images.set("any", {
        ...(await images.open("any", aCall())),
        argv: ["/bin/sh", "-c", answering],
      });
      const shared = { clock: systemClock, log: silentLog };
      const router = haproxyRouter({ state: t.state, ...shared, secret: noSecret });
      await using platform = createFleet({ host, router, prober: networkProber(), ...shared });
      const group = async () => (await platform.observe(aCall())).groups[0];
      const isServed = () => ask(port).then((status) => status === 200);
      await platform.resize({ release, drainMs: 100 }, 2, aCall());
      await until(async () => (await group())?.servers.filter(({ state }) => state === "ready").length === 2);
      await platform.route("shop", [{ release: 1, share: 1 }], [release], aCall());
      await until(isServed);
      for (const damage of [
        `addr flush dev ${bridge()}`,
        `link del ${bridge()}`,
        `link set ${bridge()} down`,
      ]) {
        await ip(damage);
        await until(isServed);
      }
      const lost = (await group())?.servers[0];
      servers = (await host.list(aCall())).filter(({ id }) => id === lost?.id);
      await ip(`link del ${namesOf(servers[0]).link}`);
      await until(
        async () =>
          (await group())?.failures.some(({ reason }) =>
            /cannot be reached: its network link/.test(reason),
          ) === true,
      );
      await until(async () => (await group())?.servers.filter(({ state }) => state === "ready").length === 2);
      await platform.route("shop", [], [], aCall());
      await router.stop(aCall());
    });
  });
});

function ask(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = get({ port, agent: false, timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
  });
}

function probe(server: HostServer | undefined) {
  const { id = "", address, reachedFrom: from } = server ?? {};
  const target = { id, address, from, port: 8080, host: undefined, timeoutMs: 1000 };
  return networkProber().probe({ ...target, check: { kind: "http", path: "/" } }, aCall().signal);
}

async function isReached(server: HostServer | undefined): Promise<boolean> {
  return (await probe(server)).ok;
}
