import { mkdtempSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, vi } from "vitest";
import type { Release } from "../../domain/rollout/release.ts";
import { imageSource } from "../../image/store/image-source.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { silentLog } from "../../lib/log.ts";
import { exec } from "../../lib/process/exec.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { haproxyRouter } from "../../router/haproxy/haproxy-router.ts";
import { missingHaproxy } from "../../router/haproxy/process/installation.ts";
import { noSecret } from "../../router/test-certificates.ts";
import { dockerHost } from "../docker/docker-host.ts";
import { TestEngine, whyNoEngine } from "../docker/engine/test-engine.ts";
import { namesOf } from "../docker/names.ts";
import { createFleet } from "../fleet/fleet.ts";
import { networkProber } from "../fleet/health/network-prober.ts";
import type { Host } from "../fleet/host.ts";
import { testRelease } from "../local/test-image.ts";
import { describeHost, type HostSubject } from "./describe-host.ts";
import { describePlatform } from "./describe-platform.ts";
import type { PlatformSubject } from "./platform/subject.ts";
import { ScriptImages } from "./script-images.ts";
import { call } from "./subject.ts";
import { ask, hello, jobs, lastWords, processOf, webRelease, webServer } from "./web-service.ts";

const reason = (await whyNoEngine()) ?? (await missingHaproxy());
if (reason) console.log(`Docker is not tested: ${reason}.`);

const images = new ScriptImages();
const engine = new TestEngine();
const docker = (...args: [string, ...string[]]) => exec(["docker", "-H", `unix://${engine.socket}`, ...args]);

describe.skipIf(reason)("on a Docker engine", () => {
  const digests = new Map<string, string>();
  beforeAll(async () => {
    await Promise.all([engine.start(), images.make()]);
    for (const script of [hello, lastWords, webServer(1), webServer(2)])
      digests.set(script, await images.running(script));
  }, 120_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    images[Symbol.dispose]();
  });

  const releaseOf: ReleaseOf = (script, port) => testRelease(digests.get(script) ?? "", { port });
  describeHost("the Docker host", () => openHost(releaseOf));
  describePlatform("the Docker platform", () => openPlatform(releaseOf));
});

type ReleaseOf = (script: string, port?: number) => Release;

async function openHost(releaseOf: ReleaseOf): Promise<HostSubject> {
  const state = openStateFolder({ KILN_HOME: mkdtempSync("/tmp/kiln-") });
  let host = newHost(state);
  const server = (slot: number, script: string) => ({ id: `shop-1-${slot}-1`, release: releaseOf(script) });
  return {
    get host() {
      return host;
    },
    server: (slot) => server(slot, hello),
    exiting: (slot) => server(slot, lastWords),
    job: () => ({ ...server(9, hello), id: "shop-1-7_migrate", command: ["/bin/sh", "-c", "echo once"] }),
    restart: async () => {
      host = newHost(state);
    },
    pause: systemClock.sleep,
    cleanup: () => leaveNothing(host, state),
  };
}

async function openPlatform(releaseOf: ReleaseOf): Promise<PlatformSubject> {
  const state = openStateFolder({ KILN_HOME: mkdtempSync("/tmp/kiln-") });
  const parts = { clock: systemClock, log: silentLog };
  const router = () => haproxyRouter({ state, ...parts, secret: noSecret });
  const open = () =>
    createFleet({ host: newHost(state), router: router(), prober: networkProber(), ...parts });
  const [listen, preview] = [await freePort(), await freePort()];
  const release = (number: number, script: string) =>
    webRelease(releaseOf(script, 8080), number, listen, script);
  let platform = open();
  return {
    get platform() {
      return platform;
    },
    service: "shop",
    release: (number) => {
      const made = release(number, webServer(number));
      return { ...made, traffic: made.traffic && { ...made.traffic, preview } };
    },
    exiting: (number) => release(number, lastWords),
    unhealthy: (number) => release(number, hello),
    job: (kind) => ({
      ...{ release: release(1, webServer(1)), rollout: 7 },
      job: { name: kind, when: "before", command: ["/bin/sh", "-c", jobs[kind]], deadlineMs: 60_000 },
    }),
    shell: ["/bin/sh", "-c"],
    request: () => ask(listen),
    requestPreview: () => ask(preview),
    kill: async (server) => {
      process.kill(processOf(server, await containerOf(state.tag, server)), "SIGKILL");
    },
    restart: async () => {
      await platform[Symbol.asyncDispose]();
      platform = open();
    },
    pause: systemClock.sleep,
    cleanup: async () => {
      await platform[Symbol.asyncDispose]();
      await router().stop(call);
      await leaveNothing(newHost(state), state);
    },
  };
}

async function leaveNothing(host: Host, state: StateFolder): Promise<void> {
  // A creation that was cut off may still be under way in the engine: what comes of it has no record, and a look removes it.
  await vi.waitUntil(
    async () => {
      for (const { id } of await host.list(call)) await host.destroy(id, call);
      return (await traces(state.tag)).length === 0;
    },
    { timeout: 30_000, interval: 100 },
  );
  rmSync(state.home, { recursive: true, force: true });
}

function newHost(state: StateFolder): Host {
  return dockerHost({
    ...{ state, target: "box", socket: engine.socket, images: imageSource(images.state) },
    secrets: { newest: noSecret, open: async () => new Map() },
    configs: { open: async (digest) => Buffer.from(`content of ${digestOf(digest)}`) },
    ...{ clock: systemClock, log: silentLog },
  });
}

/** The engine's id of a server's container. */
async function containerOf(tag: string, server: string): Promise<string> {
  const { stdout } = await docker("inspect", "--format", "{{.Id}}", namesOf(tag, "box").container(server));
  return stdout.trim();
}

/** All that is left of an installation on the engine. */
async function traces(tag: string): Promise<readonly string[]> {
  const outputs = await Promise.all([
    docker("ps", "--all", "--format", "{{.Names}}"),
    docker("network", "ls", "--format", "{{.Name}}"),
  ]);
  return outputs.flatMap(({ stdout }) => stdout.split("\n")).filter((line) => line.includes(tag));
}
