import { Resolver } from "node:dns/promises";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/lib/process/exec.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { freePort } from "../../src/lib/testing.ts";
import { hasResolver } from "../../src/platform/local/network/names/resolver.ts";
import { type Asked, asks, lostOf, type NameServer, nameServer } from "./datagrams.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";

const why = whyNoServers() ?? (hasResolver() ? undefined : "dnsmasq is not installed");
if (why !== undefined) console.log(`Skipped: services of UDP, because ${why}.`);

const patienceMs = 120_000;
/** On a machine that does much else, apt and the archive take minutes. */
const fetchMs = 1_200_000;

describe.skipIf(why !== undefined)("a service of UDP, from end to end", () => {
  let kiln: Installation;
  let dns: NameServer;
  beforeAll(async () => {
    kiln = await install();
    dns = await nameServer(kiln, "dns", { answer: 1 });
    await kiln.ok(["deploy"], { cwd: dns.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  const answersOf = ({ answers }: Asked, release: number) => answers.get(release) ?? 0;

  /** Until so many more questions of a client have that release's answer. */
  async function moreFrom({ asked }: ReturnType<typeof asks>, release: number): Promise<void> {
    const before = answersOf(asked, release);
    await waitUntil(() => answersOf(asked, release) > before + 50, patienceMs, `release ${release} answers`);
  }

  test("a rollout and a rollback lose no datagram, except what is on its way when a flow that never rests is moved", async () => {
    const fresh = asks(dns, { keeps: false, everyMs: 5 });
    const kept = asks(dns, { keeps: true, everyMs: 10 });
    const rare = asks(dns, { keeps: true, everyMs: 3_000 });
    const clients = [fresh, kept, rare];
    await moreFrom(kept, 1);
    await dns.configure({ answer: 2 });
    await kiln.ok(["deploy"], { cwd: dns.folder });
    await moreFrom(kept, 2);
    await kiln.ok(["rollback"], { cwd: dns.folder });
    await moreFrom(kept, 1);
    const ended = await Promise.all(clients.map((client) => client.end()));
    console.log(ended.map(({ sent, answers }) => `${sent} sent, ${JSON.stringify([...answers])}`).join("; "));
    const [lostFresh, lostKept = 0, lostRare] = ended.map(lostOf);
    expect([lostFresh, lostRare]).toEqual([0, 0]);
    expect(lostKept).toBeLessThanOrEqual(2); // moved once by the rollout, and once by the rollback
  });

  test("a canary gets its share of new flows, until it is aborted", async () => {
    const rollout = ", strategy: canary, steps: [{ share: 25%, hold: 5m }]";
    await dns.configure({ answer: 3, rollout });
    const deploy = kiln.run(["deploy"], { cwd: dns.folder });
    const fresh = asks(dns, { keeps: false, everyMs: 5 });
    await waitUntil(() => answersOf(fresh.asked, 3) > 0, patienceMs, "the canary answers");
    const [old, total] = [
      answersOf(fresh.asked, 1),
      () => answersOf(fresh.asked, 1) + answersOf(fresh.asked, 3),
    ];
    const before = total();
    await waitUntil(() => total() > before + 800, patienceMs, "so many questions are answered");
    const share = answersOf(fresh.asked, 3) / (total() - old);
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.35);
    await kiln.ok(["rollout", "abort"], { cwd: dns.folder });
    await deploy;
    expect(lostOf(await fresh.end())).toBe(0);
  });

  test(
    "the example of a name server is built of Debian's packages and answers",
    async () => {
      const port = await freePort();
      const folder = await kiln.project({});
      await cp(new URL("../../examples/dns", import.meta.url), folder, { recursive: true });
      const file = join(folder, "kiln.yaml");
      const example = await readFile(file, "utf8");
      const own = example
        .replace("service: dns", "service: office")
        .replace("listen: 1053", `listen: ${port}`);
      await writeFile(file, own);
      await kiln.ok(["deploy"], { cwd: folder });
      const resolver = new Resolver({ timeout: patienceMs, tries: 1 });
      resolver.setServers([`127.0.0.1:${port}`]);
      expect(await resolver.resolve4("printer.office")).toEqual(["192.0.2.20"]);
    },
    fetchMs,
  );

  test("the table is written again when another program has deleted it, and the status says so", async () => {
    const table = `kiln-${openStateFolder({ KILN_HOME: kiln.home }).tag}-udp`;
    const isThere = async () =>
      (await exec(["nft", "list", "table", "inet", table], { accept: "any" })).code === 0;
    await exec(["nft", "delete", "table", "inet", table]);
    await waitUntil(isThere, patienceMs, "the table is there again");
    const says = async () =>
      (await kiln.ok(["status", "dns"])).stdout.includes(`${table} was deleted. Kiln repaired it.`);
    await waitUntil(says, patienceMs, "the status says so");
  });
});
