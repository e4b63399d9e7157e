import assert from "node:assert";
import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { exec } from "../../../lib/process/exec.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import { datagramRouter } from "../../../router/datagrams/datagram-router.ts";
import { presentTable } from "../../../router/datagrams/table.ts";
import type { RoutedService } from "../../../router/router.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../test-host.ts";
import { bridgeName } from "./commands.ts";
import { datagramDamages } from "./damages.ts";
import { furnish, isInside, runInside } from "./own-namespaces.ts";

const reason = whyNoContainers();
if (reason) console.log(`Datagrams to servers are not tested: ${reason}.`);

describe.skipIf(reason !== undefined || isInside)("datagrams", () => {
  test("find their servers, and no one else's (in namespaces of its own)", async () => {
    const { code, said } = await runInside(import.meta.filename);
    expect(code, said).toBe(0);
  });
});

/** Answers each datagram with its own name and the sender's address. */
const answering = (name: string) => `exec perl -e '
  use Socket; $| = 1; socket(my $s, PF_INET, SOCK_DGRAM, 17);
  bind($s, sockaddr_in(5353, INADDR_ANY)) or die; print "up\\n";
  while (defined(my $from = recv($s, my $words, 100, 0))) {
    my (undef, $address) = sockaddr_in($from); send($s, "${name} " . inet_ntoa($address), 0, $from); }'`;

/** What a datagram brings, a line for each place: by a new socket, or by the port `from`. */
const asking = (places: readonly string[], from = 0) => `
  use Socket; $| = 1;
  for (qw(${places.join(" ")})) { my ($to, $port) = split ":"; socket(my $s, PF_INET, SOCK_DGRAM, 17); my $words;
    bind($s, sockaddr_in(${from}, INADDR_ANY)) or die "bind: $!";
    eval { local $SIG{ALRM} = sub { die "timed out\\n" }; alarm 20;
      if (connect($s, sockaddr_in($port, inet_aton($to)))) { send($s, "hello", 0); defined(recv($s, $words, 100, 0)) or $words = "$!" } };
    alarm 0; $words = $@ if $@; chomp $words; print "$words\\n"; }`;

describe.skipIf(reason !== undefined || !isInside)("in namespaces of its own", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let router: ReturnType<typeof datagramRouter>;
  let service: RoutedService;
  let bridge: string;
  beforeAll(async () => {
    await furnish();
    images = await openImages();
    t = new TestHost(images);
    bridge = bridgeName(t.state.tag);
    const record = `${t.state.router}.udp.json`;
    router = datagramRouter({ bridge, record, clock: systemClock, log: silentLog });
    const servers = [];
    for (const id of ["dns-1-1-1", "dns-1-2-1"]) {
      servers.push(await t.run(id, answering(id)));
      await until(async () => (await t.lines(id)).includes("up"), 60_000);
    }
    const offered = { ports: [], public: [], datagrams: { ports: [5353], public: [53] }, allow: ["friend"] };
    const ways = (await t.host.names?.offer("dns", offered)) ?? [];
    const named = ways.map(({ port, listen, address }) => ({ named: port, listen, address }));
    service = {
      service: "dns",
      frontends: [{ listen: 53 }, ...named].map((way) => ({ mode: "udp", host: undefined, ...way })),
      upstreams: servers.map(({ id, address = "" }) => ({ id, address, port: 5353, weight: 256 })),
      health: {
        check: { kind: "alive" },
        ...{ intervalMs: 1, timeoutMs: 1, ready: 1, unready: 1, deadlineMs: 1 },
      },
    };
    await router.apply(service, aCall());
  });
  afterAll(async () => {
    try {
      await router?.stop(aCall());
      await t?.destroyAll();
      expect(await t?.traces()).toEqual([]);
    } finally {
      await t?.[Symbol.asyncDispose]();
      images?.[Symbol.dispose]();
    }
  });

  async function answers(
    argv: readonly string[],
    places: readonly string[],
    from?: number,
  ): Promise<readonly string[]> {
    const { stdout } = await exec(["env", ...argv, "perl", "-e", asking(places, from)]);
    return stdout.trim().split("\n");
  }
  const fromFar = (places: readonly string[], from?: number) =>
    answers(["nsenter", "--net=/run/netns/far"], places, from);
  const withWeights = (...weights: readonly number[]) => ({
    ...service,
    upstreams: service.upstreams
      .slice(0, weights.length)
      .map((one, i) => ({ ...one, weight: weights[i] ?? 0 })),
  });

  test("they come from other machines with their own address, and from this one", async () => {
    const places = Array.from({ length: 40 }, () => "192.0.2.2:53");
    expect([...new Set(await fromFar(places))].sort()).toEqual([
      "dns-1-1-1 192.0.2.1",
      "dns-1-2-1 192.0.2.1",
    ]);
    expect(await answers([], ["127.0.0.1:53", "192.0.2.2:53"])).toEqual([
      expect.stringMatching(/^dns-1-[12]-1 10\.\d+\.\d+\.1$/),
      expect.stringMatching(/^dns-1-[12]-1 192\.0\.2\.2$/),
    ]);
  });

  test("servers come in by the name and by the port only if they may", async () => {
    const address = service.frontends[1]?.address ?? "";
    const places = [`${address}:5353`, "192.0.2.2:53"];
    const script = `exec perl -e '${asking(places)}'`;
    const bridged = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    if (existsSync(bridged)) {
      writeFileSync(bridged, "1");
      expect(await router.renew([], aCall())).toMatchObject([
        { message: expect.stringContaining("Servers get no answers") },
      ]);
      writeFileSync(bridged, "0");
    }
    expect(await router.renew([], aCall())).toEqual([]);
    await t.run("friend-1-1-1", script, {}, {}, { service: "friend" });
    await t.run("foe-1-1-1", script, {}, {}, { service: "foe" });
    const own = expect.stringMatching(/^dns-1-[12]-1 10\.\d+\.\d+\.1$/);
    expect((await t.output("friend-1-1-1")).split("\n")).toEqual([own, own]);
    expect((await t.output("foe-1-1-1")).split("\n")).toEqual(["Connection refused", "Connection refused"]);
  });

  test("a flow stays with its server when that leaves, and is moved when it is gone", async () => {
    const [first] = await fromFar(["192.0.2.2:53"], 4000);
    const isFirst = first?.startsWith("dns-1-1-1");
    const leaving = isFirst ? withWeights(0, 256) : withWeights(256, 0);
    const [kept, other] = isFirst ? ["dns-1-1-1", "dns-1-2-1"] : ["dns-1-2-1", "dns-1-1-1"];
    await router.apply(leaving, aCall());
    expect(await fromFar(["192.0.2.2:53"], 4000)).toEqual([`${kept} 192.0.2.1`]);
    expect(new Set(await fromFar(Array.from({ length: 20 }, () => "192.0.2.2:53")))).toEqual(
      new Set([`${other} 192.0.2.1`]),
    );
    // On a busy machine a flow may be quiet for so long between two steps that it counts as over.
    await until(async () => {
      expect(await fromFar(["192.0.2.2:53"], 4000)).toEqual([`${kept} 192.0.2.1`]);
      return (await router.open("dns", kept, aCall())) > 0;
    }, 60_000);
    await until(async () => {
      await router.closeLong("dns", kept, 1, aCall());
      const [answer] = await fromFar(["192.0.2.2:53"], 4000);
      return answer === `${other} 192.0.2.1`;
    }, 60_000);
    await router.apply(
      { ...leaving, upstreams: leaving.upstreams.filter(({ weight }) => weight > 0) },
      aCall(),
    );
    expect(await fromFar(["192.0.2.2:53"], 4000)).toEqual([`${other} 192.0.2.1`]);
  });

  test("whatever damages the table is repaired and reported", async () => {
    await router.apply(service, aCall());
    for (const damage of datagramDamages(bridge)) {
      await damage.done();
      t.host.suspect?.();
      await t.host.list(aCall());
      // What watches the services has one that is not observed written again.
      if ((await router.observe(aCall())).length === 0) await router.apply(service, aCall());
      const told = (await router.renew([], aCall())).map(({ message }) => message).join("\n");
      expect(told, damage.what).toMatch(damage.told);
      const found = await answers([], ["127.0.0.1:53", "192.0.2.2:53"]);
      expect(found, damage.what).toEqual([expect.stringMatching(/^dns-1/), expect.stringMatching(/^dns-1/)]);
    }
  });

  test("what the kernel has as it was written is observed; a port that another service has is refused", async () => {
    await router.apply(service, aCall());
    expect(await router.observe(aCall())).toEqual([JSON.parse(JSON.stringify(service))]);
    const other = { ...service, service: "other" };
    await expect(router.apply(other, aCall())).rejects.toMatchObject({ code: "traffic_conflict" });
    const [open, named] = service.frontends;
    assert(open && named, "the service has a port and a name");
    const apart = [
      { ...open, listen: 54 },
      { ...named, address: "198.18.9.9" },
    ];
    await router.apply({ ...other, frontends: apart }, aCall()); // the same port inside, as its name's
    await router.remove("other", aCall());
    await router.remove("dns", aCall());
    expect(await presentTable({ bridge })).toBeUndefined();
  });
});
