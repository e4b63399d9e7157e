import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { ChangePlan, EvidenceReport, ServiceStatus } from "../../src/controller/operations.ts";
import { dockerRegistry } from "../../src/image/registry/testing.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { TestCluster, whyNoCluster } from "../../src/platform/kubernetes/test-cluster/test-cluster.ts";
import {
  anyObject,
  budgetSchema,
  podSchema,
  replicaSetSchema,
  serviceSchema,
} from "../../src/platform/kubernetes/view/answers.ts";
import { answerOf, dryRun, type PrintedObject, printedObjects } from "./cluster-objects.ts";
import { type Installation, install, lostDuring, waitUntil, whyNoServers } from "./harness.ts";
import { InClusterKiln } from "./in-cluster.ts";
import { type LittleService, littleService } from "./little-service.ts";
import { typeIn } from "./typing.ts";

const why = whyNoServers() ?? (await whyNoCluster());
if (why !== undefined) console.log(`Skipped: a target of the platform kubernetes, because ${why}.`);

const { signal } = new AbortController();
const port = 8080;

/** Serves its page, and what it was given besides its image. */
const script = [
  "trap exit TERM",
  "/bin/busybox cp /www/index.html /run/secrets/PASSWORD /tmp",
  "/bin/busybox httpd -f -p 8080 -h /tmp & wait",
].join("; ");
const command = JSON.stringify(["/bin/busybox", "sh", "-c", script]);

const folder = why === undefined ? mkdtempSync("/tmp/kiln-kr-") : "";
const cluster = new TestCluster();
let registry: Awaited<ReturnType<typeof dockerRegistry>> | undefined;

beforeAll(async () => {
  if (why !== undefined) return;
  registry = await dockerRegistry(join(folder, "registry"), { behindProxy: true });
  await cluster.start({ registry: registry.host });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  if (why === undefined) rmSync(folder, { recursive: true, force: true });
});

/** An installation with the target `prod`, a namespace of its own, and the project of a service for it. */
class Prod implements AsyncDisposable {
  readonly namespace: string;
  readonly at: string;
  declare kiln: Installation;
  declare shop: LittleService;

  constructor(namespace: string) {
    this.namespace = namespace;
    this.at = `/api/v1/namespaces/${namespace}`;
  }

  async open(drifts: boolean): Promise<void> {
    this.kiln = await install("/tmp", { drifts });
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: this.namespace } };
    await this.send("POST", "/api/v1/namespaces", namespace);
    const servers = ", writable: [/run, /tmp], secrets: [PASSWORD]";
    this.shop = await littleService(this.kiln, "shop", { more: "target: prod", command, servers, port });
    await this.addTarget("prod", cluster.kubeconfig);
    await this.kiln.ok(["secret", "set", "PASSWORD"], { cwd: this.shop.folder, input: "hunter2" });
  }

  addTarget(name: string, kubeconfig: string): Promise<unknown> {
    const options = { kubeconfig, namespace: this.namespace, registry: `http://${registry?.host}/kiln` };
    const all = Object.entries(options).flatMap(([option, value]) => ["--option", `${option}=${value}`]);
    return this.kiln.ok(["target", "add", name, "--platform", "kubernetes", ...all]);
  }

  inProject(...args: readonly string[]) {
    return this.kiln.ok(args, { cwd: this.shop.folder });
  }

  /** What another tool would send. */
  async send(method: "POST" | "PATCH", path: string, body: object, tool = "kubectl-edit"): Promise<void> {
    const contentType = method === "POST" ? "application/json" : "application/strategic-merge-patch+json";
    await cluster
      .api()
      .read({ method, path, body, contentType, query: { fieldManager: tool }, signal }, z.object({}));
  }

  service() {
    return cluster.api().read({ path: `${this.at}/services/shop`, accept: [404], signal }, serviceSchema);
  }

  async ask(path = "/"): Promise<string | undefined> {
    const host = (await this.service())?.spec.clusterIP;
    return host === undefined ? undefined : answerOf(host, port, path);
  }

  async ready(): Promise<readonly string[]> {
    const [status] = await this.kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return (status?.servers ?? []).filter(({ inTraffic }) => inTraffic).map(({ id }) => id);
  }

  /** A pod that is deleted before its program runs takes the cluster half a minute to end: it counts no more. */
  async pods(): Promise<readonly string[]> {
    const labels = "kiln.dev/serving=yes";
    const { items } = await cluster.api().list({ path: `${this.at}/pods`, labels, signal }, podSchema);
    const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    return staying.map(({ metadata }) => metadata.name);
  }

  /** How many requests were lost while the work was done. */
  async lostDuring(work: () => Promise<unknown>): Promise<number> {
    const host = (await this.service())?.spec.clusterIP ?? "";
    return lostDuring(() => answerOf(host, port, "/"), work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kiln?.[Symbol.asyncDispose]();
  }
}

describe.skipIf(why !== undefined)("a service on Kubernetes, from the same kiln.yaml", () => {
  const prod = new Prod("web");
  let printed: readonly PrintedObject[] = [];
  beforeAll(() => prod.open(false));
  afterAll(() => prod[Symbol.asyncDispose]());

  test("a user without rights learns which are missing, with the Role to apply", async () => {
    await prod.addTarget("poor", cluster.kubeconfigFor("limited"));
    const { stdout } = await prod.kiln.run(["target", "show", "poor"]);
    expect(stdout).toContain("replicasets (get, list, watch, create, patch, delete)");
    expect(stdout).toContain("kind: Role");
    await prod.kiln.ok(["target", "rm", "poor"]);
  });

  test("a plan prints the objects that a deploy applies, which the cluster takes, and makes none of them", async () => {
    const { stdout } = await prod.inProject("plan", "--manifests");
    printed = printedObjects(stdout);
    const names = printed.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
    const group = ["ReplicaSet web/shop-1", "Secret web/shop-1", "ConfigMap web/shop-1-sleep"];
    expect(names).toEqual([...group, "PodDisruptionBudget web/shop-1", "Service web/shop"]);
    expect(stdout).not.toContain(Buffer.from("hunter2").toString("base64"));
    for (const object of printed) await dryRun(cluster.api(), object);
    const path = `/apis/apps/v1/namespaces/${prod.namespace}/replicasets`;
    expect((await cluster.api().list({ path, signal }, anyObject)).items).toEqual([]);
  });

  test("its servers are pods, which hold their secrets as files and cannot be written to", async () => {
    await prod.inProject("deploy");
    expect(await prod.ask()).toBe("one");
    expect(await prod.ask("/PASSWORD")).toBe("hunter2");
    const ready = await prod.ready();
    expect(ready).toHaveLength(2);
    expect((await prod.pods()).toSorted()).toEqual(ready.toSorted());
    // What was printed changes nothing of what was made of it: the cluster counts changes.
    const path = `/apis/apps/v1/namespaces/${prod.namespace}/replicasets/shop-1`;
    const made = await cluster.api().read({ path, signal }, anyObject);
    const [set] = printed;
    expect((set && (await dryRun(cluster.api(), set)))?.metadata.generation).toBe(made?.metadata.generation);
  });

  test("a command runs once in a pod of its own, with the release's secrets, and leaves its last words", async () => {
    const read = ["--reason", "to see it", "--", "/bin/busybox", "sh", "-c"];
    const { stdout } = await prod.inProject(
      "job",
      "run",
      "shop",
      ...read,
      "cat /run/secrets/PASSWORD; echo; echo done",
    );
    expect(stdout).toContain("hunter2");
    const { code, stdout: told, stderr } = await prod.kiln.run(["job", "run", "shop", ...read, "exit 3"]);
    expect([code === 0, told + stderr]).toEqual([false, expect.stringContaining("exited with code 3")]);
  });

  test("a person in a server has a terminal, Ctrl-C and the exit code, and the server is replaced with its transcript kept", async () => {
    const [server = "", other = ""] = await prod.ready();
    const typed = "trap 'echo stopped; /bin/busybox stty size; exit 3' INT; echo in";
    const session = typeIn(prod.kiln, server, `${typed}; while :; do /bin/busybox sleep 1; done`);
    await waitUntil(() => session.heard().includes("in\n"), 120_000, "someone is in");
    const isReplaced = async () => {
      const ready = await prod.ready();
      return ready.length === 2 && !ready.includes(server) && ready.includes(other);
    };
    await waitUntil(isReplaced, 120_000, `another server has taken the place of ${server}`);
    session.stdin.write("\u0003");
    expect(await session.ended).toBe(3);
    expect(session.heard()).toMatch(/in\n(\^C)?stopped\n33 77\n/);
    const kept = () => prod.kiln.run(["evidence", "show", server, "--json"]);
    await waitUntil(async () => (await kept()).code === 0, 120_000, "its evidence is kept");
    const report: EvidenceReport = JSON.parse((await kept()).stdout);
    expect(report).toMatchObject({ server, taint: { kind: "exec" }, transcripts: [expect.any(String)] });
    const bad = await prod.kiln.run(["exec", other, "--reason", "typing", "--", "bash"]);
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('"bash" is not in the image')]);
    expect(await prod.ready()).toContain(other);
  });

  test("a deploy and a rollback lose no request", async () => {
    await prod.shop.setPage("two");
    expect(await prod.lostDuring(() => prod.inProject("deploy"))).toBe(0);
    expect(await prod.ask()).toBe("two");
    expect(await prod.lostDuring(() => prod.inProject("rollback"))).toBe(0);
    expect(await prod.ask()).toBe("one");
  });

  test("a release whose servers end is rolled back with their last words, while the old one serves", async () => {
    const ending = JSON.stringify(["/bin/busybox", "sh", "-c", "echo no configuration; exit 7"]);
    await prod.shop.configure({ behaviour: "exits at once", command: ending });
    const { code, stdout, stderr } = await prod.kiln.run(["deploy"], { cwd: prod.shop.folder });
    expect([code, stdout + stderr]).toEqual([4, expect.stringContaining("exited with code 7")]);
    expect(stdout + stderr).toContain("no configuration");
    expect(await prod.ask()).toBe("one");
  });

  test("a service that is removed leaves nothing in the namespace", async () => {
    await prod.kiln.ok(["remove", "shop", "--yes"]);
    const kinds = ["pods", "services", "secrets"].map((kind) => `${prod.at}/${kind}`);
    const paths = [...kinds, `/apis/apps/v1/namespaces/${prod.namespace}/replicasets`];
    const labels = "kiln.dev/target=prod";
    const left = async () => {
      const lists = await Promise.all(
        paths.map((path) => cluster.api().list({ path, labels, signal }, anyObject)),
      );
      return lists.flatMap(({ items }) => items);
    };
    await waitUntil(async () => (await left()).length === 0, 120_000, "nothing of it is left");
    await prod.kiln.ok(["target", "rm", "prod"]);
  });
});

describe.skipIf(why !== undefined)("what someone changes of a service's objects", () => {
  const prod = new Prod("changed");
  beforeAll(async () => {
    await prod.open(true);
    await prod.inProject("deploy");
  });
  afterAll(() => prod[Symbol.asyncDispose]());

  test("a pod is replaced, and the event has the tool's name", async () => {
    const [server = "", other = ""] = await prod.ready();
    const image = { spec: { containers: [{ name: "server", image: "127.0.0.1:9/other:1" }] } };
    await prod.send("PATCH", `${prod.at}/pods/${server}`, image, "kubectl-set");
    const isReplaced = async () => {
      const ready = await prod.ready();
      return ready.length === 2 && !ready.includes(server) && ready.includes(other);
    };
    await waitUntil(isReplaced, 120_000, `another server has taken the place of ${server}`);
    const { stdout } = await prod.kiln.ok(["audit", "--subject", server, "--tail", "all"]);
    expect(stdout).toContain("kubectl-set");
    const shown = await prod.kiln.ok(["evidence", "show", server]);
    expect(shown.stdout).toContain("kubectl-set");
    const policy = `/apis/networking.k8s.io/v1/namespaces/${prod.namespace}/networkpolicies/${server}`;
    expect(await cluster.api().read({ path: policy, accept: [404], signal }, anyObject)).toBeDefined();
  });

  test("a number of pods is set back", async () => {
    const path = `/apis/apps/v1/namespaces/${prod.namespace}/replicasets/shop-1`;
    const wanted = async () => (await cluster.api().read({ path, signal }, replicaSetSchema))?.spec.replicas;
    await prod.send("PATCH", path, { spec: { replicas: 5 } }, "kubectl-scale");
    await waitUntil(async () => (await wanted()) === 2, 120_000, "the number is 2 again");
    await waitUntil(async () => (await prod.pods()).length === 2, 120_000, "two pods are left");
  });

  test("servers that are evicted, as when their node is emptied, are replaced, lose no request and count as no failure of their release", async () => {
    const evict = (name: string) => {
      const body = {
        apiVersion: "policy/v1beta1",
        kind: "Eviction",
        metadata: { name, namespace: prod.namespace },
      };
      const path = `${prod.at}/pods/${name}/eviction`;
      return cluster.api().read({ method: "POST", path, body, signal }, z.object({}));
    };
    const first = await prod.ready();
    const lost = await prod.lostDuring(async () => {
      for (const server of first) {
        const [other = ""] = (await prod.ready()).filter((each) => each !== server);
        await evict(server);
        const isReplaced = async () => {
          const ready = await prod.ready();
          return ready.length === 2 && !ready.includes(server) && ready.includes(other);
        };
        await waitUntil(isReplaced, 120_000, `another server has taken the place of ${server}`);
      }
    });
    expect(lost).toBe(0);
    for (const server of first) {
      const { stdout } = await prod.kiln.ok(["audit", "--subject", server, "--tail", "all"]);
      expect(stdout).toContain("server.draining");
      expect(stdout).not.toMatch(/server\.(failed|tainted)/);
    }
  });

  test("a disruption budget that someone has loosened or deleted is as it was again", async () => {
    const path = `/apis/policy/v1beta1/namespaces/${prod.namespace}/poddisruptionbudgets/shop-1`;
    const find = () => cluster.api().read({ path, accept: [404], signal }, budgetSchema);
    const before = await find();
    await prod.send("PATCH", path, { spec: { maxUnavailable: "100%" } });
    await waitUntil(async () => (await find())?.spec.maxUnavailable === 1, 120_000, "one may be away again");
    (await cluster.api().stream({ method: "DELETE", path, signal })).resume();
    const isOther = async () => ![undefined, before?.metadata.uid].includes((await find())?.metadata.uid);
    await waitUntil(isOther, 120_000, "there is another budget");
    const { stdout } = await prod.kiln.ok(["audit", "--tail", "all"]);
    expect(stdout).toContain(
      "kubectl-edit has changed spec.maxUnavailable of the PodDisruptionBudget shop-1",
    );
    expect(stdout).toContain("Someone has deleted the PodDisruptionBudget shop-1");
  });

  test("a Service's selector is set back", async () => {
    await prod.send("PATCH", `${prod.at}/services/shop`, {
      spec: { selector: { "kiln.dev/release": "99" } },
    });
    const isBack = async () => (await prod.service())?.spec.selector["kiln.dev/release"] === "1";
    await waitUntil(isBack, 120_000, "the selector is that of release 1 again");
    await waitUntil(async () => (await prod.ask()) === "one", 120_000, "the service answers again");
  });
});

describe.skipIf(why !== undefined)("a service that moves from this machine to the cluster", () => {
  const prod = new Prod("moved");
  const waitMs = 240_000;
  let stall: LittleService;
  beforeAll(async () => {
    await prod.open(false);
    stall = await littleService(prod.kiln, "stall");
    await prod.kiln.ok(["deploy"], { cwd: stall.folder });
  }, 600_000);
  afterAll(() => prod[Symbol.asyncDispose](), 300_000);

  const status = async () => (await prod.kiln.json<readonly ServiceStatus[]>(["status", "stall"]))[0];
  const there = () =>
    cluster.api().read({ path: `${prod.at}/services/stall`, accept: [404], signal }, serviceSchema);

  /** Asks again and again, and counts. */
  function load(ask: () => Promise<string | undefined>) {
    const counts = { served: 0, lost: 0 };
    let ends = false;
    const client = async () => {
      while (!ends) counts[(await ask()) === undefined ? "lost" : "served"] += 1;
    };
    const clients = Promise.all([client(), client()]);
    const end = async () => {
      ends = true;
      await clients;
      return counts;
    };
    return { counts, end };
  }

  test("loses no request on either, whether the move is aborted or finished, and its plan says what is left to people", async () => {
    const move = (...how: readonly string[]) => prod.kiln.ok(["move", "stall", ...how]);
    const plan = await prod.kiln.json<ChangePlan>(["move", "stall", "--target", "prod", "--plan"]);
    expect(plan).toMatchObject({ target: "prod", changes: ["target: local -> prod"], downtime: "none" });
    expect(plan.byHand?.join("\n")).toContain("change the DNS records, or the balancer in front");
    const here = load(() => stall.page());
    await move("--target", "prod");
    expect((await status())?.move).toMatchObject({ target: { name: "prod" }, phase: "arriving" });
    await move("--abort");
    await waitUntil(async () => (await there()) === undefined, waitMs, "nothing of it is there");
    await waitUntil(async () => (await status())?.move === undefined, waitMs, "the move is over");

    await move("--target", "prod");
    const host = (await there())?.spec.clusterIP ?? "";
    const elsewhere = load(() => answerOf(host, stall.port, "/"));
    await waitUntil(() => elsewhere.counts.served > 100, waitMs, "it serves there before the handover");
    await move("--finish");
    expect(await status()).toMatchObject({
      target: { name: "prod" },
      move: { target: { name: "local" }, phase: "left" },
    });
    const before = here.counts.served;
    await waitUntil(() => here.counts.served > before + 100, waitMs, "it serves here after the handover");
    expect([await here.end(), await elsewhere.end()]).toMatchObject([{ lost: 0 }, { lost: 0 }]);
  }, 600_000);
});

const kubectl = why === undefined && (await exec(["which", "kubectl"], { accept: "any" })).code === 0;
if (why === undefined && !kubectl)
  console.log("Skipped: a controller in the cluster, because kubectl is not installed.");

describe.skipIf(!kubectl)("a controller in the cluster, as `kiln install kubernetes` makes it", () => {
  const port = 8080;
  const waitMs = 240_000;
  let kiln: Installation;
  let inside: InClusterKiln;
  let shop: LittleService;
  const remote = () => ({ cwd: shop.folder, env: inside.env });

  beforeAll(async () => {
    kiln = await install();
    inside = new InClusterKiln(cluster, kiln);
    await inside.install(registry?.host ?? "");
    await inside.logIn("ada", "admin");
    shop = await littleService(kiln, "shop", { more: "target: cluster", port });
  }, 600_000);
  afterAll(() => kiln?.[Symbol.asyncDispose](), 300_000);

  test("deploys what is pushed to it from elsewhere, and says that its pod holds no servers", async () => {
    await kiln.ok(["deploy"], remote());
    expect(await inside.page("shop", port)).toBe("one");
    await shop.configure({ more: "" });
    const refused = await kiln.run(["deploy"], remote());
    expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining("target")]);
    await shop.configure({});
  }, 600_000);

  test("an installation that the cluster refuses is refused before an image is pushed", async () => {
    // No registry listens there.
    const wanted = ["--registry", "http://127.0.0.1:9/kiln", "--storage", "2Gi"];
    const apply = ["--apply", "--kubeconfig", cluster.kubeconfig];
    const { code, stderr } = await kiln.run(["install", "kubernetes", ...wanted, ...apply]);
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining("updates to statefulset spec")]);
  });

  test("its pod may end amid a rollout: the next one continues, and nothing is lost", async () => {
    await shop.setPage("two");
    const lost = await inside.lostDuring("shop", port, async () => {
      await kiln.ok(["deploy", "--no-wait"], remote());
      await inside.endPod();
      const isDone = async () => {
        const now = await inside.status("shop");
        return now !== undefined && now.rollout === undefined && now.serving?.number === 2;
      };
      await waitUntil(isDone, waitMs, "release 2 serves");
    });
    expect(lost).toBe(0);
    expect(await inside.page("shop", port)).toBe("two");
    const { stdout } = await kiln.ok(["audit", "log", "--json", "--tail", "all"], remote());
    expect(stdout).toMatch(/"kind":"target.added".*"name":"setup"/);
    expect(stdout.match(/"kind":"rollout.started"/g)).toHaveLength(2);
    await kiln.ok(["remove", "shop", "--yes"], remote());
  }, 600_000);
});
