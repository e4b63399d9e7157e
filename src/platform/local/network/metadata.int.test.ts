import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../../lib/process/exec.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import { openImages, TestHost, until, whyNoContainers } from "../test-host.ts";
import { furnish, ip, isInside, runInside } from "./own-namespaces.ts";

const reason = whyNoContainers();
if (reason) console.log(`Closed metadata of clouds is not tested: ${reason}.`);

describe.skipIf(reason !== undefined || isInside)("a cloud's metadata", () => {
  test("is closed to servers that do not ask for it (in namespaces of its own)", async () => {
    const { code, said } = await runInside(import.meta.filename);
    expect(code, said).toBe(0);
  });
});

/** Answers at the TCP ports 53 and 80 of every address of its namespace. */
const answering = `use Socket; use IO::Select;
  my $all = IO::Select->new(map { my $port = $_; socket(my $s, PF_INET, SOCK_STREAM, 6);
    bind($s, sockaddr_in($port, INADDR_ANY)) or die; listen($s, 50); $s } (53, 80));
  while (my @ready = $all->can_read) { for my $s (@ready) { accept(C, $s); syswrite(C, "answer"); close(C); } }`;

/** What connecting brings, one line for each address and port. */
const asking = (...places: readonly string[]) => `exec perl -e '
  use Socket; $| = 1;
  for (qw(${places.join(" ")})) { my ($to, $port) = split ":"; socket(my $s, PF_INET, SOCK_STREAM, 6); my $words;
    eval { local $SIG{ALRM} = sub { die "timed out\\n" }; alarm 20;
      if (connect($s, sockaddr_in($port, inet_aton($to)))) { sysread($s, $words, 100) } else { $words = "$!" } };
    alarm 0; $words = $@ if $@; chomp $words; print "$_ $words\\n"; }'`;

describe.skipIf(reason !== undefined || !isInside)("in namespaces of its own", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  const children: ReturnType<typeof spawn>[] = [];
  beforeAll(async () => {
    await furnish();
    // One at the other end of the machine's way out, one on the machine itself, as agents are, and one that others translate to it.
    const far = ["169.254.169.254/32", "100.100.100.200/32", "198.51.100.1/32"];
    await exec(["ip", "-n", "far", "-batch", "-"], {
      input: far.map((address) => `addr add ${address} dev far\n`).join(""),
    });
    await ip("addr add 169.254.170.2/32 dev lo");
    await exec(["nft", "-f", "-"], {
      input: `add table ip agent
        add chain ip agent prerouting { type nat hook prerouting priority -150; }
        add rule ip agent prerouting ip daddr 169.254.170.23 tcp dport 80 dnat to 192.0.2.1\n`,
    });
    for (const place of [["nsenter", "--net=/run/netns/far"], ["env"]])
      children.push(
        spawn(place[0] ?? "", [...place.slice(1), "perl", "-e", answering], { stdio: "inherit" }),
      );
    for (const { pid } of children)
      await until(() => (readIfThere(`/proc/${pid}/net/tcp`) ?? "").includes(":0050 "), 60_000);
    images = await openImages();
    t = new TestHost(images);
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    try {
      await t?.destroyAll();
      expect(await t?.traces()).toEqual([]);
    } finally {
      await t?.[Symbol.asyncDispose]();
      images?.[Symbol.dispose]();
    }
  });

  const secret = ["169.254.169.254:80", "100.100.100.200:80", "169.254.170.2:80", "169.254.170.23:80"];
  const free = ["169.254.169.254:53", "198.51.100.1:80"];

  test("is refused at once but for DNS, and open to a server whose release asks for it", async () => {
    const script = asking(...secret, ...free);
    await t.run("shop-1-1-1", script);
    await t.run("reader-1-1-1", script, {}, {}, { network: { metadata: true } });
    expect((await t.output("shop-1-1-1")).split("\n")).toEqual([
      ...secret.map((place) => `${place} Connection refused`),
      ...free.map((place) => `${place} answer`),
    ]);
    expect((await t.output("reader-1-1-1")).split("\n")).toEqual(
      [...secret, ...free].map((place) => `${place} answer`),
    );
  });
});
