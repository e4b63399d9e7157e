import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Release } from "../../domain/release.ts";
import { silentLog } from "../../lib/log.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { haproxyRouter } from "../../router/haproxy/haproxy-router.ts";
import { missingHaproxy } from "../../router/haproxy/process/installation.ts";
import { createFleet } from "../fleet/fleet.ts";
import { networkProber } from "../fleet/health/network-prober.ts";
import { aCall, openImages, TestHost, whyNoContainers } from "../local/test-host.ts";
import { shellImage, type TestImages, testRelease } from "../local/test-image.ts";
import { describeHost, type HostSubject } from "./describe-host.ts";
import { describePlatform, type PlatformSubject } from "./describe-platform.ts";

const reason = whyNoContainers() ?? (await missingHaproxy());
if (reason) console.log(`The local platform is not tested: ${reason}.`);

const hello = "trap 'exit 0' TERM; echo hello; while :; do sleep 1; done";
const lastWords = "echo last words; exit 3";

const jobs = {
  fine: "echo begun",
  failing: "echo begun; exit 3",
  endless: "trap 'exit 4' TERM; echo begun; while :; do sleep 1; done",
} as const;

let images: TestImages & Disposable;

describe.skipIf(reason)("on this machine", () => {
  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());

  describeHost("the local host", openHost);
  describePlatform("the local platform", openPlatform);
});

async function openHost(): Promise<HostSubject> {
  const t = new TestHost(images);
  let host = t.host;
  const server = (slot: number, script: string) => {
    images.images.set(script, shellImage(script));
    return { id: `shop-1-${slot}-1`, release: testRelease(script) };
  };
  return {
    get host() {
      return host;
    },
    server: (slot) => server(slot, hello),
    exiting: (slot) => server(slot, lastWords),
    job: () => ({ ...server(9, hello), id: "shop-1-7_migrate", command: ["/bin/sh", "-c", "echo once"] }),
    restart: async () => {
      host = t.reopen();
    },
    pause: systemClock.sleep,
    cleanup: () => leaveNothing(t),
  };
}

async function openPlatform(): Promise<PlatformSubject> {
  const t = new TestHost(images, mkdtempSync("/tmp/kiln-"));
  const router = () => haproxyRouter({ state: t.state, clock: systemClock, log: silentLog });
  const open = () =>
    createFleet({
      host: t.reopen(),
      router: router(),
      prober: networkProber(),
      clock: systemClock,
      log: silentLog,
    });
  const listen = await freePort();
  const preview = await freePort();
  let platform = open();
  return {
    get platform() {
      return platform;
    },
    service: "shop",
    release: (number) => {
      const made = release(number, listen, webServer(number));
      return { ...made, traffic: made.traffic && { ...made.traffic, preview } };
    },
    exiting: (number) => release(number, listen, lastWords),
    unhealthy: (number) => release(number, listen, hello),
    job: (kind) => ({
      release: release(1, listen, webServer(1)),
      rollout: 7,
      job: { name: kind, when: "before", command: ["/bin/sh", "-c", jobs[kind]], deadlineMs: 60_000 },
    }),
    command: ["/bin/busybox", "true"],
    request: () => ask(listen),
    requestPreview: () => ask(preview),
    kill: async (server) => {
      process.kill(processOf(server), "SIGKILL");
    },
    restart: async () => {
      await platform[Symbol.asyncDispose]();
      platform = open();
    },
    pause: systemClock.sleep,
    cleanup: async () => {
      await platform[Symbol.asyncDispose]();
      await router().stop(aCall());
      await leaveNothing(t);
    },
  };
}

async function leaveNothing(t: TestHost): Promise<void> {
  await t.destroyAll();
  try {
    expect(await t.traces()).toEqual([]);
  } finally {
    rmSync(t.state.home, { recursive: true, force: true });
  }
}

function release(number: number, listen: number, script: string): Release {
  images.images.set(script, shellImage(script));
  return {
    ...testRelease(script, { port: 8080 }),
    number,
    health: {
      check: { kind: "http", path: "/" },
      intervalMs: 200,
      timeoutMs: 1000,
      ready: 2,
      unready: 3,
      deadlineMs: script === hello ? 1500 : 30_000,
    },
    traffic: { mode: "http", listen, host: undefined },
  };
}

/** Answers every request with its release, one at a time. */
function webServer(number: number): string {
  const perl = `
    use IO::Socket::INET; $| = 1; $SIG{PIPE} = "IGNORE"; $SIG{TERM} = sub { exit 0 };
    my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 100, ReuseAddr => 1) or die $!;
    print "hello\\n";
    while (1) {
      my $client = $listener->accept or next;
      my $request = "";
      while (index($request, "\\r\\n\\r\\n") < 0) { sysread($client, $request, 4096, length $request) or last }
      print $client "HTTP/1.1 200 OK\\r\\nContent-Length: ${String(number).length}\\r\\nConnection: close\\r\\n\\r\\n${number}";
      close $client;
    }`;
  return `exec perl -e '${perl}'`;
}

function ask(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = get({ port, agent: false, timeout: 5000 }, async (response) => {
      const body = await response.setEncoding("utf8").toArray();
      resolve(response.statusCode === 200 ? Number(body.join("")) : undefined);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
  });
}

/** The first process of a server, by the host name that Kiln gives it in its environment. */
function processOf(server: string): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`KILN_SERVER=${server}`);
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`No process of ${server} runs.`);
  return Number(found);
}
