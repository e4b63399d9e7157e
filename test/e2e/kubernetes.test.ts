import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { dockerRegistry } from "../../src/image/registry/testing.ts";
import { podSchema, replicaSetSchema, serviceSchema } from "../../src/platform/kubernetes/answers.ts";
import { TestCluster, whyNoCluster } from "../../src/platform/kubernetes/test-cluster.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? (await whyNoCluster());
if (why !== undefined) console.log(`Skipped: a target of the platform kubernetes, because ${why}.`);

const { signal } = new AbortController();
const port = 8080;
const at = "/api/v1/namespaces/web";

/** Serves its page, and what it was given besides its image. */
const script = [
  "trap exit TERM",
  "/bin/busybox cp /www/index.html /run/secrets/PASSWORD /tmp",
  "/bin/busybox httpd -f -p 8080 -h /tmp & wait",
].join("; ");
const command = JSON.stringify(["/bin/busybox", "sh", "-c", script]);

function answerOf(host: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = get({ host, port, path, agent: false, timeout: 10_000 }, async (answer) => {
      const body = await text(answer).catch(() => undefined);
      resolve(answer.statusCode === 200 ? body : undefined);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
  });
}

describe.skipIf(why !== undefined)("a service on Kubernetes, from the same kiln.yaml", () => {
  const folder = why === undefined ? mkdtempSync("/tmp/kiln-kr-") : "";
  const cluster = new TestCluster();
  const api = cluster.api();
  let registry: Awaited<ReturnType<typeof dockerRegistry>> | undefined;
  let kiln: Installation;
  let shop: LittleService;

  beforeAll(async () => {
    registry = await dockerRegistry(join(folder, "registry"));
    [kiln] = await Promise.all([
      install("/tmp", { drifts: false }),
      cluster.start({ registry: registry.host }),
    ]);
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "web" } };
    await api.read({ method: "POST", path: "/api/v1/namespaces", body: namespace, signal }, z.object({}));
    const servers = ", writable: [/run, /tmp], secrets: [PASSWORD]";
    shop = await littleService(kiln, "shop", { more: "target: prod", command, servers, port });
  });
  afterAll(async () => {
    await kiln?.[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const inProject = (...args: readonly string[]) => kiln.ok(args, { cwd: shop.folder });
  const add = (name: string, kubeconfig: string) => {
    const options = { kubeconfig, namespace: "web", registry: `http://${registry?.host}/kiln` };
    const all = Object.entries(options).flatMap(([option, value]) => ["--option", `${option}=${value}`]);
    return kiln.ok(["target", "add", name, "--platform", "kubernetes", ...all]);
  };

  async function ask(path = "/"): Promise<string | undefined> {
    const found = await api.read({ path: `${at}/services/shop`, accept: [404], signal }, serviceSchema);
    return found?.spec.clusterIP === undefined ? undefined : answerOf(found.spec.clusterIP, path);
  }

  /** How many requests were lost while the work was done. */
  async function lostDuring(work: () => Promise<unknown>): Promise<number> {
    const host =
      (await api.read({ path: `${at}/services/shop`, signal }, serviceSchema))?.spec.clusterIP ?? "";
    let done = false;
    let lost = 0;
    const buy = async () => {
      while (!done) if ((await answerOf(host, "/")) === undefined) lost += 1;
    };
    const buying = [buy(), buy()];
    await work().finally(() => {
      done = true;
    });
    await Promise.all(buying);
    return lost;
  }

  test("a user without rights learns which are missing, with the Role to apply", async () => {
    await add("poor", cluster.kubeconfigFor("limited"));
    const { stdout } = await kiln.run(["target", "show", "poor"]);
    expect(stdout).toContain("replicasets (get, list, watch, create, patch, delete)");
    expect(stdout).toContain("kind: Role");
    await kiln.ok(["target", "rm", "poor"]);
  });

  test("its servers are pods, which hold their secrets as files and cannot be written to", async () => {
    await add("prod", cluster.kubeconfig);
    await kiln.ok(["secret", "set", "PASSWORD"], { cwd: shop.folder, input: "hunter2" });
    await inProject("deploy");
    expect(await ask()).toBe("one");
    expect(await ask("/PASSWORD")).toBe("hunter2");
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    expect(status?.servers.filter(({ inTraffic }) => inTraffic)).toHaveLength(2);
    const pods = await api.list({ path: `${at}/pods`, signal }, podSchema);
    expect(pods.items.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      status?.servers.map(({ id }) => id).toSorted(),
    );
  });

  test("a deploy and a rollback lose no request", async () => {
    await shop.setPage("two");
    expect(await lostDuring(() => inProject("deploy"))).toBe(0);
    expect(await ask()).toBe("two");
    expect(await lostDuring(() => inProject("rollback"))).toBe(0);
    expect(await ask()).toBe("one");
  });

  test("a release whose servers end is rolled back with their last words, while the old one serves", async () => {
    await shop.configure({
      behaviour: "exits at once",
      command: JSON.stringify(["/bin/busybox", "sh", "-c", "echo no configuration; exit 7"]),
    });
    const { code, stdout, stderr } = await kiln.run(["deploy"], { cwd: shop.folder });
    expect([code, stdout + stderr]).toEqual([4, expect.stringContaining("exited with code 7")]);
    expect(stdout + stderr).toContain("no configuration");
    expect(await ask()).toBe("one");
  });

  test("a service that is removed leaves nothing in the namespace", async () => {
    await kiln.ok(["remove", "shop", "--yes"]);
    const kinds = [
      `${at}/pods`,
      `${at}/services`,
      `${at}/secrets`,
      "/apis/apps/v1/namespaces/web/replicasets",
    ];
    const left = async () => {
      const lists = await Promise.all(
        kinds.map((path) =>
          api.list(
            { path, labels: "kiln.dev/target=prod", signal },
            replicaSetSchema.pick({ metadata: true }),
          ),
        ),
      );
      return lists.flatMap(({ items }) => items);
    };
    await waitUntil(async () => (await left()).length === 0, 120_000, "nothing of it is left");
    await kiln.ok(["target", "rm", "prod"]);
  });
});
