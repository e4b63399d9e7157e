import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { whyNoIpv6 } from "../../src/platform/local/network/ipv6.ts";
import { hasResolver } from "../../src/platform/local/network/names/resolver.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? (hasResolver() ? undefined : "dnsmasq is not installed");
if (why !== undefined) console.log(`Skipped: services that call each other by name, because ${why}.`);

/** By the IPv6 address of the shop's name; not on a machine without IPv6. */
const byIpv6 = whyNoIpv6() === undefined ? ["$A6 8080"] : [];

/** Calls again and again, and prints the last line of what it gets each time. */
function calls(...ways: readonly string[]): string {
  const ask = (address: string) =>
    `echo "got $(busybox nc -w 60 ${address} < /req 2>&1 | busybox tail -n 1)"`;
  const gateway = "G=$(busybox ip route | busybox sed -n 's/default via \\([0-9.]*\\).*/\\1/p')";
  const found = (type: string, start: string) =>
    `$(busybox nslookup -type=${type} shop.kiln.internal | busybox sed -n 's/^Address: \\(${start}.*\\)/\\1/p')`;
  const addresses = `A4=${found("a", "198")}; A6=${found("aaaa", "fd")}`;
  return `${gateway}; ${addresses}; while true; do ${ways.map(ask).join("; ")}; busybox usleep 20000; done`;
}

/** A service without a port. */
function callerSpec(name: string, script: string): string {
  return `
service: ${name}
image:
  from: scratch
  files:
    - { from: ./busybox, to: /bin/busybox, mode: "0755" }
    - { from: ./req, to: /req }
  command: ${JSON.stringify(["/bin/busybox", "sh", "-c", script])}
rollout: { bake: 50ms, keepWarm: 0s }
environments: { staging: {} }
`;
}

describe.skipIf(why !== undefined)("services that call each other by name, from end to end", () => {
  let kiln: Installation;
  let shop: LittleService;
  let preview: number;
  beforeAll(async () => {
    kiln = await install();
    preview = await freePort();
    shop = await littleService(kiln, "shop", { traffic: `, preview: ${preview}` });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  /** Deploys a service without a port that calls others. */
  async function deployCaller(name: string, script: string, environment?: string): Promise<void> {
    const { folder } = await littleService(kiln, name);
    await writeFile(join(folder, "kiln.yaml"), callerSpec(name, script));
    await writeFile(join(folder, "req"), "GET / HTTP/1.0\r\n\r\n");
    await kiln.ok(["deploy", ...(environment === undefined ? [] : ["--env", environment])], { cwd: folder });
  }

  /** What it got, each answer once. */
  async function answersOf(service: string): Promise<readonly string[]> {
    const { stdout } = await kiln.ok(["logs", service, "--tail", "all"]);
    return [...new Set([...stdout.matchAll(/ got (.*)$/gm)].map(([, answer = ""]) => answer))].sort();
  }

  test("no call is lost while the servers of the name are replaced", async () => {
    await deployCaller("web", calls("shop 8080", "shop.kiln.internal 8080", "$A4 8080", ...byIpv6));
    await waitUntil(async () => (await answersOf("web")).includes("one"), 120_000, "web has got its answers");
    await shop.setPage("two");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await waitUntil(async () => (await answersOf("web")).includes("two"), 120_000, "web has got its answers");
    expect(await answersOf("web")).toEqual(["one", "two"]);
  });

  test("a server of another environment is refused, by the name and at the router's ports", async () => {
    // A refusal names no port; the last one tells that all have been asked.
    const ways = [
      `$G ${shop.port}`,
      `$G ${preview}`,
      "shop 8080",
      "shop.kiln.internal 8080",
      "$A4 8080",
      ...byIpv6,
    ];
    await deployCaller("probe", calls(...ways), "staging");
    await waitUntil(
      async () => (await answersOf("probe.staging")).length >= 3 + byIpv6.length,
      120_000,
      "probe.staging has got its answers",
    );
    const answers = await answersOf("probe.staging");
    expect(answers).toEqual([
      "nc: bad address 'shop'",
      expect.stringMatching(/10\.\d+\.\d+\.1\): Connection refused/),
      expect.stringMatching(/198\.18\.\d+\.\d+\): Connection refused/),
      // Of an IPv6 address busybox says no more.
      ...byIpv6.map(() => expect.stringMatching(/remote host: Connection refused/)),
    ]);
  });

  test("a service states who may reach it, and a deploy changes that", async () => {
    await shop.configure({ more: "network: { allow: [probe.staging] }" });
    const { stdout } = await kiln.ok(["plan"], { cwd: shop.folder });
    expect(stdout).toContain("reached by: services of its environment -> probe.staging");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    const refusals = async () => (await answersOf("web")).filter((answer) => /refused/.test(answer));
    await waitUntil(async () => (await answersOf("probe.staging")).includes("two"), 120_000, "probe gets in");
    await waitUntil(async () => (await refusals()).length > 0, 120_000, "web is refused");
  });
});
