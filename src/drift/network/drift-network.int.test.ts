import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { exec } from "../../lib/process/exec.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { aCall, until, whyNoContainers } from "../../platform/local/test-host.ts";
import { createChecks } from "../checks/checks.ts";
import { id, watchServers } from "../testing.ts";
import { startNetworkMonitor } from "./network-monitor.ts";

const reason = whyNoContainers();
if (reason) console.log(`Drift of networks is not tested: ${reason}.`);

describe.skipIf(reason)("a server whose network someone changes", () => {
  const w = watchServers();
  const hasEvents = existsSync("/sys/kernel/tracing/instances");

  /** In and out again by setns(2), with what was made there kept open; a thread of the machine's as before. */
  const visit = (work: string) =>
    spawn("perl", [
      "-MSocket",
      "-e",
      `open(HERE, "<", "/proc/self/ns/net") && open(THERE, "<", "/proc/$ARGV[0]/ns/net") or die $!;
       syscall(308, fileno(THERE), 0x40000000) == 0 or die $!;
       ${work};
       syscall(308, fileno(HERE), 0x40000000) == 0 or die $!; sleep 100`,
      String(w().subject().process.pid),
    ]);

  test("is found when a visitor has left a socket or a link in its network namespace", async () => {
    const listen = (port: number, type: string) =>
      `socket(S${port}, PF_INET, ${type}, 0) && bind(S${port}, sockaddr_in(${port}, INADDR_ANY)) or die $!`;
    const child = visit(
      `${listen(4444, "SOCK_STREAM")}; listen(S4444, 1) or die; ${listen(53, "SOCK_DGRAM")}`,
    );
    try {
      await until(() =>
        readFileSync(`/proc/${w().subject().process.pid}/net/tcp`, "utf8").includes(":115C "),
      );
      await w().nsenter("-n", "ip", "link", "add", "name", "left", "type", "bridge");
      await w().drift.inspect(aCall());
      const who = expect.stringMatching(new RegExp(`perl.* pid ${child.pid} `));
      expect(await w().finding("network", "tcp port 4444")).toMatchObject({ seenBy: "network", who });
      expect(await w().finding("network", "udp port 53")).toMatchObject({ server: id, who });
      expect(await w().finding("network", "left")).toMatchObject({ server: id });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("is found soon when a visitor leaves a program that listens", async () => {
    if (!hasEvents) return console.log("Not tested: the kernel has no tracefs.");
    await until(() => w().drift.tier() === "kernel");
    const child = visit(
      "socket(S, PF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in(4444, INADDR_ANY)) && listen(S, 1)",
    );
    try {
      expect(await w().finding("network", "tcp port 4444")).toMatchObject({
        who: expect.stringContaining(`pid ${child.pid} `),
      });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test.each([
    ["a route", "ip route add 192.0.2.0/24 via $GATEWAY", "^route 192\\.0\\.2\\.0/24"],
    [
      "a route in a table of its own",
      "ip route add 192.0.2.0/24 dev eth0 table 77",
      "192\\.0\\.2\\.0/24.* table 77",
    ],
    ["another way out", "ip route replace default via $GATEWAY metric 0 mtu 1000", "^route default"],
    ["a route of IPv6", "ip -6 route add fd00::/64 dev eth0", "^route fd00:"],
    ["a routing rule", "ip rule add from 192.0.2.1 lookup 77", "^rule .*192\\.0\\.2\\.1"],
    ["an address", "ip addr add 192.0.2.1/32 dev lo", "^address 192\\.0\\.2\\.1"],
    ["an address of IPv6", "ip addr add fd00::1/64 dev lo", "^address fd00:"],
    ["a setting", "sysctl -w net.ipv4.conf.eth0.rp_filter=2", "^sysctl .*rp_filter"],
    ["packets that are passed on", "sysctl -w net.ipv6.conf.all.forwarding=1", "^sysctl .*forwarding"],
    ["a packet filter of nftables", "nft add table inet left", "^table inet left"],
    ["a packet filter of iptables", "iptables-legacy -A INPUT -j DROP", "^iptables table filter"],
  ])("is found within seconds when a visitor has left %s", async (_what, command, found) => {
    if (!hasEvents) return console.log("Not tested: the kernel has no tracefs.");
    if (spawnSync("sh", ["-c", `command -v ${command.split(" ")[0]}`]).status !== 0)
      return console.log(`Not tested: ${command.split(" ")[0]} is not installed.`);
    await until(() => w().drift.tier() === "kernel");
    const { gateway = "" } = w().subject().network ?? {};
    await w().nsenter("-n", ...command.replace("$GATEWAY", gateway).split(" "));
    expect(await w().finding("network", found)).toMatchObject({ server: id, seenBy: "network" });
  });

  test("is looked at when its packet filter changes, whether or not the visit was seen", async () => {
    const filtered = new Set<string>();
    const missed: string[] = [];
    const { inspector } = w();
    await using _monitor = startNetworkMonitor({
      ...{ inspector, checks: createChecks(silentLog), clock: systemClock, log: silentLog },
      ...{ tell: () => {}, changed: () => {}, filtered: ({ server }) => filtered.add(server) },
      missed: ({ reason }) => missed.push(reason),
    });
    await until(async () => {
      await w().nsenter("-n", "nft", "add", "table", "inet", "left");
      await w().nsenter("-n", "nft", "delete", "table", "inet", "left");
      return filtered.has(id);
    }, 60_000);
    expect([[...filtered], missed]).toEqual([[id], []]);
  });

  test("is found when a visitor has left something that no event told of", async () => {
    const { pid } = w().subject().process;
    await w().drift[Symbol.asyncDispose]();
    await w().nsenter("-n", "ip", "neigh", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0");
    await w().nsenter("-n", "ip", "rule", "add", "from", "192.0.2.1", "lookup", "77");
    await w().nsenter("-n", "nft", "add", "table", "inet", "left");
    await w().restart();
    await w().drift.inspect(aCall());
    const found = w()
      .drift.findings()
      .map(({ subject }) => subject);
    expect(found).toEqual([
      "neighbour 192.0.2.9",
      "table inet left",
      expect.stringMatching(/^rule \d+: from 192\.0\.2\.1 lookup 77$/),
    ]);
    expect(readFileSync(`/proc/${pid}/net/arp`, "utf8")).toContain("192.0.2.9");
  });

  test("is not found for Kiln's own looks, and not for a link that was down for a moment", async () => {
    await until(() => !hasEvents || w().drift.tier() === "kernel");
    const { network } = w().subject();
    const host = (await exec(["ip", "-json", "route", "get", network?.address ?? ""])).stdout;
    const bridge = /"dev":"([^"]+)"/.exec(host)?.[1] ?? "";
    const [port = ""] = readdirSync(`/sys/class/net/${bridge}/brif`);
    for (const state of ["down", "up"]) await exec(["ip", "link", "set", port, state]);
    for (let i = 0; i < 5; i++) await w().drift.inspect(aCall());
    expect(w().drift.findings()).toEqual([]);
  });

  test("is not found for sockets of its own, which two processes hold", async () => {
    const listens =
      "socket(S, PF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in(80, INADDR_ANY)) && listen(S, 1) or die";
    await w().t.run("shop-1-2-1", `perl -MSocket -e '${listens}; fork; sleep 1000'`);
    const { pid } =
      w()
        .inspector.subjects()
        .find(({ server }) => server === "shop-1-2-1")?.process ?? {};
    await until(() => readFileSync(`/proc/${pid}/net/tcp`, "utf8").includes(":0050 "));
    await w().drift.inspect(aCall());
    await w().drift.inspect(aCall());
    expect(w().drift.findings()).toEqual([]);
  });
});
