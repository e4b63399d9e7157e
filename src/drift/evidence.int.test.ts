import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aFinding, aRelease } from "../domain/testing.ts";
import { systemClock } from "../lib/clock.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../platform/local/test-host.ts";
import { type EvidenceReport, evidenceLimits, openEvidence } from "./evidence.ts";

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
    readonly report: EvidenceReport;
    readonly listed: string;
    readonly mostBlockedMs: number;
  }

  async function keptOf(script: string): Promise<Kept> {
    await using t = new TestHost(images);
    await t.run(id, `${script}; echo done; while :; do sleep 1; done`, { writable: ["/tmp"] });
    await until(async () => (await t.lines(id)).includes("done"));
    const subject = t.host.sight?.subjects().find(({ server }) => server === id);
    const store = openEvidence(join(folder, "evidence"), systemClock);
    const { server, ...taint } = aFinding({ server: id });
    const exhibit = { server, release: aRelease(1), taint, pid: subject?.process.pid, secrets: [] };
    const blocked = watchLoop();
    const digest = await store.keep({ ...exhibit, processes: [], log: [], transcripts: [] }, aCall());
    const mostBlockedMs = blocked();
    const archive = join(folder, "evidence", `${digest.replace("sha256:", "")}.tar`);
    const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
    const listed = execFileSync("tar", ["-tvf", archive, "--quoting-style=literal"], options);
    return { report: await store.show(id), listed, mostBlockedMs };
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

  test("more files than have a place: those that have none are told, and nobody waits meanwhile", async () => {
    const many = 30_000;
    const { report, listed, mostBlockedMs } = await keptOf(
      `cd /tmp; mkdir a; cd a; i=0; while [ $i -lt ${many} ]; do : > $i; i=$((i+1)); done`,
    );
    const kept = listed.split("\n").filter((line) => line.includes("writable/")).length;
    expect(kept).toBe(evidenceLimits.serverFiles);
    expect(report.left.at(-1)).toMatch(/^and \d+ more$/);
    console.log(`  ${many} files: the event loop was blocked for ${mostBlockedMs.toFixed(0)} ms at most`);
    expect(mostBlockedMs).toBeLessThan(1000);
  });
});

/** The longest time, until it is asked, in which nothing else had its turn. */
function watchLoop(): () => number {
  let last = performance.now();
  let most = 0;
  const look = () => {
    most = Math.max(most, performance.now() - last);
    last = performance.now();
  };
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}
