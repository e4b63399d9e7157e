import assert from "node:assert";
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import { freePort } from "../../../lib/testing.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import { haproxyRouter } from "../../../router/haproxy/haproxy-router.ts";
import { missingHaproxy } from "../../../router/haproxy/process/installation.ts";
import { noSecret } from "../../../router/test-certificates.ts";
import { createFleet } from "../../fleet/fleet.ts";
import { networkProber } from "../../fleet/health/network-prober.ts";
import { hostPaths } from "../paths.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../test-host.ts";
import { servedRelease } from "../test-image.ts";
import { recordedNetwork } from "./choice.ts";
import { whyNoIpv6 } from "./ipv6.ts";
import { furnish, isInside, runInside } from "./own-namespaces.ts";

const noIpv6 = whyNoIpv6();
const reason = whyNoContainers() ?? (await missingHaproxy()) ?? (noIpv6 && `no IPv6: ${noIpv6}`);
if (reason) console.log(`IPv6 of servers is not tested: ${reason}.`);

describe.skipIf(reason !== undefined || isInside)("the IPv6 of servers", () => {
  test("holds in namespaces of its own", async () => {
    const { code, said } = await runInside(import.meta.filename);
    expect(code, said).toBe(0);
  });
});

/** Tells each TCP client of port 9000 its address, and writes what datagrams hold. */
const listening6 = (file: string) => `
  use Socket qw(:all); use IO::Select; open(F, ">>", "${file}"); F->autoflush(1);
  socket(T, PF_INET6, SOCK_STREAM, 6); bind(T, pack_sockaddr_in6(9000, IN6ADDR_ANY)) or die; listen(T, 50);
  socket(U, PF_INET6, SOCK_DGRAM, 17); bind(U, pack_sockaddr_in6(9000, IN6ADDR_ANY)) or die;
  my $all = IO::Select->new(\\*T, \\*U);
  while (my @ready = $all->can_read) { for my $s (@ready) {
    if ($s == \\*U) { recv(U, my $b, 100, 0); print F "$b\\n"; next }
    my $peer = accept(C, T); my ($port, $from) = unpack_sockaddr_in6($peer); syswrite(C, inet_ntop(AF_INET6, $from)); close(C);
  } }`;

/** What connecting to port 9000 brings; IPV6_FREEBIND of linux/in6.h is 78. */
const trying6 = `use Socket qw(:all); $| = 1;
  sub try6 { my ($name, $to) = @_; socket(my $s, PF_INET6, SOCK_STREAM, 6);
    my $words; eval { local $SIG{ALRM} = sub { die "timed out\\n" }; alarm 8;
      if (connect($s, pack_sockaddr_in6(9000, inet_pton(AF_INET6, $to)))) { sysread($s, $words, 100) } else { $words = "$!" } };
    alarm 0; $words = $@ if $@; chomp $words; print "$name $words\\n"; }
  sub spoof { my $far = pack_sockaddr_in6(9000, inet_pton(AF_INET6, "2001:db8::1")); socket(my $s, PF_INET6, SOCK_DGRAM, 17);
    setsockopt($s, 41, 78, 1) or die "freebind: $!"; bind($s, pack_sockaddr_in6(0, inet_pton(AF_INET6, $_[0]))) or die "bind: $!";
    for (1 .. 5) { send($s, "spoofed", 0, $far) } socket(my $o, PF_INET6, SOCK_DGRAM, 17); send($o, "own", 0, $far); }`;

/** Answers every connection that comes by IPv6, and listens for no other (IPV6_V6ONLY of linux/in6.h is 26). */
const answering6 = `exec perl -e '
  use Socket qw(:all); socket(S, PF_INET6, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
  setsockopt(S, 41, 26, 1); bind(S, pack_sockaddr_in6(8080, IN6ADDR_ANY)); listen(S, 50);
  while (accept(C, S)) { sysread(C, $b, 4096); syswrite(C, "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"); close(C); }'`;

describe.skipIf(reason !== undefined || !isInside)("in namespaces of its own", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  beforeAll(async () => {
    await furnish();
    images = await openImages();
    t = new TestHost(images);
  });
  afterAll(async () => {
    try {
      await t.destroyAll();
      expect(await t.traces()).toEqual([]);
    } finally {
      await t[Symbol.asyncDispose]();
      images[Symbol.dispose]();
    }
  });

  test("by IPv6 a server reaches the world by the machine's address, and neither the machine nor another server", async () => {
    await t.run("other-1-1-1", "sleep 1000");
    const prefix = recordedNetwork(hostPaths(t.state), t.state.tag)?.ipv6?.prefix;
    assert(prefix !== undefined);
    const file = `/tmp/kiln-far-${process.pid}`;
    const far = spawn("nsenter", ["--net=/run/netns/far", "perl", "-e", listening6(file)], {
      stdio: "inherit",
    });
    const here = spawn("perl", ["-e", listening6("/dev/null")], { stdio: "inherit" });
    try {
      for (const child of [far, here])
        await until(() => (readIfThere(`/proc/${child.pid}/net/udp6`) ?? "").includes(":2328 "), 60_000);
      const tried = {
        world: "2001:db8::1",
        machine: "2001:db8::2",
        gateway: `${prefix}::1`,
        link: "fe80::1",
        server: `${prefix}::2`,
        metadata: "fd00:ec2::254",
      };
      const script = Object.entries(tried).map(([name, to]) => `try6("${name}", "${to}");`);
      await t.run("visit-1-1-1", `exec perl -e '${trying6} ${script.join(" ")} spoof("${prefix}::99");'`);
      const lines = (await t.output("visit-1-1-1")).split("\n");
      expect(lines).toEqual([
        "world 2001:db8::2",
        "machine Connection refused",
        "gateway Connection refused",
        expect.stringMatching(/^link (Connection refused|Network is unreachable|Invalid argument)$/),
        expect.stringMatching(/^server (No route to host|timed out)$/),
        expect.stringMatching(/^metadata (Connection refused|No route to host|Permission denied)$/),
      ]);
      // What it sends from its own address arrives, and nothing from another one of the network.
      await until(() => (readIfThere(file) ?? "").includes("own"), 60_000);
      expect(readIfThere(file)).not.toContain("spoofed");
    } finally {
      for (const child of [far, here]) child.kill("SIGKILL");
      rmSync(file, { force: true });
    }
  });

  test("a server that listens by IPv6 alone is checked and served there, also by the next controller", async () => {
    const { release, port } = await served(answering6);
    const shared = { clock: systemClock, log: silentLog };
    const router = haproxyRouter({ state: t.state, ...shared, secret: noSecret });
    const open = () => createFleet({ host: t.reopen(), router, prober: networkProber(), ...shared });
    const serverOf = async (platform: ReturnType<typeof open>) =>
      (await platform.observe(aCall())).groups.find(({ service }) => service === "shop")?.servers[0];
    const shares = [{ release: 1, share: 1 }];
    try {
      {
        await using platform = open();
        await platform.resize({ release, drainMs: 100 }, 1, aCall());
        await until(async () => (await serverOf(platform))?.state === "ready", 120_000);
        await platform.route("shop", shares, [release], aCall());
        await until(() => ask(port).then((status) => status === 200), 60_000);
      }
      await using platform = open();
      const server = await serverOf(platform);
      expect(server).toMatchObject({ state: "ready", address: expect.stringMatching(/^fd/) });
      await platform.route("shop", shares, [release], aCall());
      const upstreams = (await router.observe(aCall())).flatMap((routed) => routed.upstreams);
      expect(upstreams).toMatchObject([{ address: server?.address }]);
      expect(await ask(port)).toBe(200);
    } finally {
      await router.stop(aCall());
    }
  });

  test("where IPv6 is off servers have none; once it is on, new ones do, and running ones lack nothing", async () => {
    await t.destroyAll();
    const turn = (value: string) => {
      for (const which of ["all", "default"])
        writeFileSync(`/proc/sys/net/ipv6/conf/${which}/disable_ipv6`, value);
    };
    const addressesOf = async () =>
      (await t.host.list(aCall())).map(({ id, ipv6, lost }) => [id, ipv6?.address, lost] as const);
    turn("1");
    try {
      await t.run("old-1-1-1", "sleep 1000");
      expect(await addressesOf()).toEqual([["old-1-1-1", undefined, undefined]]);
    } finally {
      turn("0");
    }
    const network = hostPaths(t.state).network;
    const { prefix: _, ...older } = JSON.parse(readIfThere(network) ?? "{}");
    writeFileSync(network, JSON.stringify(older));
    t.host.suspect?.();
    await t.host.list(aCall());
    const { ipv6 } = recordedNetwork(hostPaths(t.state), t.state.tag) ?? {};
    assert(ipv6 !== undefined, "the next look has chosen a prefix, as after an upgrade");
    await t.run("new-1-1-1", "sleep 1000");
    t.host.suspect?.();
    expect(await addressesOf()).toEqual([
      ["new-1-1-1", expect.stringMatching(`^${ipv6.prefix}::`), undefined],
      ["old-1-1-1", undefined, undefined],
    ]);
    expect(t.host.troubles?.(), "no one else has changed anything").toEqual([]);
  });

  /** A release whose server runs `script`, and the port at which the router has it. */
  async function served(script: string) {
    const port = await freePort();
    const release = servedRelease("any", port);
    images.images.set("any", {
      ...(await images.open("any", aCall())),
      argv: ["/bin/sh", "-c", script],
    });
    return { release, port };
  }
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
