import { mkdtempSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Release } from "../../domain/rollout/release.ts";
import { silentLog } from "../../lib/log.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { haproxyRouter } from "../../router/haproxy/haproxy-router.ts";
import { missingHaproxy } from "../../router/haproxy/process/installation.ts";
import { noSecret } from "../../router/test-certificates.ts";
import { createFleet } from "../fleet/fleet.ts";
import { networkProber } from "../fleet/health/network-prober.ts";
import { aCall, openImages, TestHost, whyNoContainers } from "../local/test-host.ts";
import { shellImage, type TestImages, testRelease } from "../local/test-image.ts";
import { describeHost, type HostSubject } from "./describe-host.ts";
import { describePlatform } from "./describe-platform.ts";
import type { PlatformSubject } from "./platform/subject.ts";
import { ask, hello, jobs, lastWords, processOf, webRelease, webServer } from "./web-service.ts";

const reason = whyNoContainers() ?? (await missingHaproxy());
if (reason) console.log(`The local platform is not tested: ${reason}.`);

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
    withVolume: (slot) => {
      const spec = server(slot, hello);
      const volumes = [{ name: "data", path: "/data", shared: false }];
      return { ...spec, release: { ...spec.release, shape: { ...spec.release.shape, volumes } } };
    },
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
  const router = () =>
    haproxyRouter({ state: t.state, clock: systemClock, log: silentLog, secret: noSecret });
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
    shell: ["/bin/sh", "-c"],
    request: () => ask(listen),
    requestPreview: () => ask(preview),
    kill: async (server) => {
      process.kill(processOf(server, t.state.tag), "SIGKILL");
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
  return webRelease(testRelease(script, { port: 8080 }), number, listen, script);
}
