import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, vi } from "vitest";
import { z } from "zod";
import type { Release } from "../../domain/rollout/release.ts";
import { dockerRegistry } from "../../image/registry/testing.ts";
import { imageSource } from "../../image/store/image-source.ts";
import { imagePusher } from "../../image/transfer/image-pusher.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { silentLog } from "../../lib/log.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { openKubernetes } from "../kubernetes/open.ts";
import { TestCluster, whyNoCluster } from "../kubernetes/test-cluster/test-cluster.ts";
import { quotaSchema, serviceSchema } from "../kubernetes/view/answers.ts";
import { testRelease } from "../local/test-image.ts";
import { describePlatform } from "./describe-platform.ts";
import type { PlatformSubject } from "./platform/subject.ts";
import { ScriptImages } from "./script-images.ts";
import { call } from "./subject.ts";
import { ask, hello, jobs, lastWords, processOf, webRelease, webServer } from "./web-service.ts";

const reason = await whyNoCluster();
if (reason) console.log(`Kubernetes is not tested: ${reason}.`);

const folder = reason === undefined ? mkdtempSync("/tmp/kiln-kr-") : "";
const images = new ScriptImages();
const cluster = new TestCluster();
let registry: Awaited<ReturnType<typeof dockerRegistry>> | undefined;
let namespaces = 0;

describe.skipIf(reason)("on a Kubernetes cluster", () => {
  const digests = new Map<string, string>();
  beforeAll(async () => {
    registry = await dockerRegistry(join(folder, "registry"));
    await Promise.all([cluster.start({ registry: registry.host }), images.make()]);
    for (const script of [hello, lastWords, webServer(1), webServer(2)])
      digests.set(script, await images.running(script));
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    images[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  describePlatform(
    "the Kubernetes platform",
    () => openPlatform((script, port) => testRelease(digests.get(script) ?? "", { port })),
    { concurrent: true },
  );
});

async function openPlatform(releaseOf: (script: string, port?: number) => Release): Promise<PlatformSubject> {
  const namespace = `test-${++namespaces}`;
  const api = cluster.api();
  const { signal } = call;
  const create = (path: string, body: object) =>
    api.read({ method: "POST", path, body, signal }, z.object({}));
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  const at = `/api/v1/namespaces/${namespace}`;
  const open = () =>
    openKubernetes({
      ...{ owner: { tag: "0123abcd", target: "prod" }, clock: systemClock, log: silentLog },
      options: {
        ...{ kubeconfig: cluster.kubeconfig, namespace, expose: "ClusterIP" },
        registry: `http://${registry?.host}/kiln`,
      },
      images: { ...imageSource(images.state), ...imagePusher(images.state, systemClock) },
      secrets: { newest: async () => new Uint8Array(), open: async () => new Map() },
      sessions: join(folder, namespace),
      evidence: {
        // A real one is tried from end to end.
        keep: async ({ documents = [] }) => digestOf(documents.map(({ text }) => text).join("")),
      },
      configs: { open: async (digest) => Buffer.from(`content of ${digestOf(digest)}`) },
    }).platform;
  const release = (number: number, script: string) => {
    const made = webRelease(releaseOf(script, 8080), number, 8080, script);
    // A process that is told to stop before it listens to signals is killed after that time.
    const shape = { ...made.shape, stop: { graceMs: 1000 } };
    return { ...made, shape, health: { ...made.health, ready: 1 } };
  };
  const askService = async (name: string, port: number) => {
    const found = await api.read({ path: `${at}/services/${name}`, accept: [404], signal }, serviceSchema);
    return found?.spec.clusterIP === undefined ? undefined : ask(port, found.spec.clusterIP);
  };
  let platform = open();
  return {
    get platform() {
      return platform;
    },
    service: "shop",
    release: (number) => {
      const made = release(number, webServer(number));
      return { ...made, traffic: made.traffic && { ...made.traffic, preview: 8081 } };
    },
    job: (kind) => ({
      ...{ release: release(1, webServer(1)), rollout: 7 },
      job: { name: kind, when: "before", command: ["/bin/sh", "-c", jobs[kind]], deadlineMs: 60_000 },
    }),
    exiting: (number) => release(number, lastWords),
    unhealthy: (number) => release(number, hello),
    shell: ["/bin/sh", "-c"],
    request: () => askService("shop", 8080),
    requestPreview: () => askService("shop--preview", 8081),
    exhaust: async () => {
      const quota = {
        apiVersion: "v1",
        kind: "ResourceQuota",
        metadata: { name: "small" },
        spec: { hard: { pods: "2" } },
      };
      await create(`${at}/resourcequotas`, quota);
      const path = `${at}/resourcequotas/small`;
      await vi.waitUntil(
        async () => (await api.read({ path, signal }, quotaSchema))?.status.used.pods === "2",
        {
          ...{ timeout: 60_000, interval: 50 },
        },
      );
    },
    retries: false,
    kill: async (server) => {
      process.kill(processOf(server, "kubepods"), "SIGKILL");
    },
    restart: async () => {
      await platform[Symbol.asyncDispose]();
      platform = open();
    },
    pause: systemClock.sleep,
    cleanup: async () => {
      await platform[Symbol.asyncDispose]();
      // The cluster goes with what is still ending there.
      (await api.stream({ method: "DELETE", path: at, signal })).resume();
    },
  };
}
