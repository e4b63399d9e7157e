import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aFinding, aRelease } from "../../domain/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../../platform/local/test-host.ts";
import { type EvidenceFile, evidenceLimits, openEvidence } from "./evidence.ts";

const reason = whyNoContainers();
if (reason) console.log(`Evidence of real servers is not tested: ${reason}.`);

describe.skipIf(reason)("evidence of a server that makes it hard", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  const folder = mkdtempSync("/tmp/kiln-v-");
  const id = "shop-1-1-1";

  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => {
    images[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  interface Kept {
    readonly report: EvidenceFile;
    readonly listed: string;
    readonly slice: Slice;
  }

  async function keptOf(script: string): Promise<Kept> {
    await using t = new TestHost(images);
    await t.run(id, `${script}; echo done; while :; do sleep 1; done`, { writable: ["/tmp"] });
    await until(async () => (await t.lines(id)).includes("done"));
    return await keep(t.host.inspector.subjects().find(({ server }) => server === id)?.process.pid);
  }

  /** Of what that process sees as its root. */
  async function keep(pid: number | undefined): Promise<Kept> {
    const store = openEvidence(join(folder, "evidence"), systemClock);
    const { server, ...taint } = aFinding({ server: id });
    const exhibit = { server, release: aRelease(1), taint, pid, secrets: [] };
    const watched = watchLoop();
    const digest = await store.keep({ ...exhibit, processes: [], log: [], transcripts: [] }, aCall());
    const slice = watched();
    const archive = join(folder, "evidence", `${digest.replace("sha256:", "")}.tar`);
    const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
    const listed = execFileSync("tar", ["-tvf", archive, "--quoting-style=literal"], options);
    return { report: await store.show(id), listed, slice };
  }

  test("names of any bytes, fifos, links and paths longer than the kernel takes in one go", async () => {
    const name = "d".repeat(250);
    const { report, listed } = await keptOf(
      [
        `cd /tmp; mknod pipe p; perl -e 'symlink("/etc/passwd", "link")'`,
        `echo odd > "$(printf 'a\\377b')" && echo line > "$(printf 'new\\nline')" && echo ok > "$(printf 'gr\\303\\274n')"`,
        `perl -e 'for (1..20) { mkdir "${name}" or die; chdir "${name}" or die } open(F, ">bottom"); print F "deep"'`,
      ].join("; "),
    );
    expect(report.left).toEqual([]);
    for (const path of ["tmp/pipe", "tmp/link -> /etc/passwd", "tmp/a\\xffb", "tmp/new\\x0aline", "tmp/grün"])
      expect(listed).toContain(`writable/${path}`);
    expect(listed).toContain(`${`${name}/`.repeat(20)}bottom`);
  });

  test("more files than have a place: the ones left out are listed, and nothing waits meanwhile", async () => {
    const many = 30_000;
    const { report, listed, slice } = await keptOf(
      `cd /tmp; mkdir a; cd a; i=0; while [ $i -lt ${many} ]; do : > $i; i=$((i+1)); done`,
    );
    expectBounded(`${many} files of a server`, { report, listed, slice });
  });

  /** More than a server's own tmpfs has room for, in one that was mounted over it. */
  test("300,000 empty files", async () => {
    const at = mkdtempSync("/tmp/kiln-many-");
    const make = `for my $i (1..300000) { open(F, ">", "${at}/$i") or die $! } print "done\\n"; sleep 1000`;
    const mount = `mount -t tmpfs -o nr_inodes=400000 none ${at} && exec perl -e '$| = 1; ${make}'`;
    const child = spawn("unshare", ["--mount", "sh", "-c", mount], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(child.stdout, "data");
      const kept = await keep(child.pid);
      expectBounded("300,000 files", kept);
      expect(kept.report.left.at(-1)).toBe(`the rest of ${at}/`);
    } finally {
      child.kill("SIGKILL");
      rmSync(at, { recursive: true });
    }
  });

  function expectBounded(what: string, { report, listed, slice }: Kept): void {
    const kept = listed.split("\n").filter((line) => line.includes("writable/")).length;
    expect(kept).toBe(evidenceLimits.serverFiles);
    expect(report.left).toContainEqual(expect.stringMatching(/^and \d+ more$/));
    const [blocked, busy] = [slice.mostMs, slice.mostCpuMs].map((ms) => ms.toFixed(0));
    console.log(`  ${what}: at most ${blocked} ms, ${busy} ms of a processor, before others had their turn`);
    expect(slice.mostCpuMs).toBeLessThan(100);
  }
});

interface Slice {
  /** The longest time in which nothing else had its turn: on a busy machine, mostly that of other programs. */
  readonly mostMs: number;
  /** The most time of a processor that this thread used without letting anything else in. */
  readonly mostCpuMs: number;
}

/** Until it is asked. */
function watchLoop(): () => Slice {
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let last = { ms: performance.now(), cpuMs: cpuMs() };
  let mostMs = 0;
  let mostCpuMs = 0;
  const look = () => {
    const now = { ms: performance.now(), cpuMs: cpuMs() };
    mostMs = Math.max(mostMs, now.ms - last.ms);
    mostCpuMs = Math.max(mostCpuMs, now.cpuMs - last.cpuMs);
    last = now;
  };
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    look();
    return { mostMs, mostCpuMs };
  };
}
