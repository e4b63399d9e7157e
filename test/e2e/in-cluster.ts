import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import type { TestCluster } from "../../src/platform/kubernetes/test-cluster/test-cluster.ts";
import { serviceSchema } from "../../src/platform/kubernetes/view/answers.ts";
import { answerOf } from "./cluster-objects.ts";
import type { Installation } from "./harness.ts";
import { lostDuring, waitUntil } from "./harness.ts";

const { signal } = new AbortController();
const patienceMs = 240_000;

/** A controller that `kiln install kubernetes` has made in the cluster, and who uses it from outside. */
export class InClusterKiln {
  readonly #cluster: TestCluster;
  readonly #kiln: Installation;
  readonly env: Readonly<Record<string, string>>;

  constructor(cluster: TestCluster, kiln: Installation) {
    this.#cluster = cluster;
    this.#kiln = kiln;
    this.env = { XDG_CONFIG_HOME: join(kiln.home, "../config") };
  }

  /** `registry`: `HOST:PORT`, as this machine reaches it. */
  async install(registry: string): Promise<void> {
    const { secureRegistry, authority, kubeconfig } = this.#cluster;
    await this.#makeVolume();
    const install = ["install", "kubernetes", "--registry"];
    // The registry has another name here than in the cluster.
    const { image } = await this.#kiln.json<{ readonly image: string }>([
      ...install,
      `http://${registry}/kiln`,
    ]);
    const known = ["--registry-ca", authority, "--image", image.replace(registry, secureRegistry)];
    const applied = ["--storage", "1Gi", "--apply", "--kubeconfig", kubeconfig];
    await this.#kiln.ok([...install, `${secureRegistry}/kiln`, ...known, ...applied]);
  }

  /** A disk of the node, as an administrator gives it where the cluster makes none by itself. */
  async #makeVolume(): Promise<void> {
    const path = join(this.#cluster.folder, "volume");
    mkdirSync(path);
    const volume = {
      ...{ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "state" } },
      spec: {
        ...{ capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], local: { path } },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["node"] }],
              },
            ],
          },
        },
      },
    };
    const asked = { method: "POST", path: "/api/v1/persistentvolumes", body: volume, signal } as const;
    await this.#cluster.api().read(asked, z.object({}));
  }

  async logIn(name: string, role: string): Promise<void> {
    const host = await this.#addressOf("kiln", "kiln");
    const invite = ["kiln", "access", "invite", name, "--role", role, "--address", `${host}:7443`, "--json"];
    const { stdout } = await this.#kubectl("-n", "kiln", "exec", "kiln-0", "--", ...invite);
    const { login } = z.object({ login: z.string() }).parse(JSON.parse(stdout));
    await this.#kiln.ok(["login", login], { env: this.env });
  }

  #kubectl(...args: readonly string[]) {
    return exec(["kubectl", "--kubeconfig", this.#cluster.kubeconfig, ...args]);
  }

  async #addressOf(namespace: string, name: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/services/${name}`;
    return (await this.#cluster.api().read({ path, signal }, serviceSchema))?.spec.clusterIP ?? "";
  }

  async page(service: string, port: number): Promise<string | undefined> {
    return answerOf(await this.#addressOf("kiln-servers", service), port, "/");
  }

  /** How many requests were lost while the work was done. */
  async lostDuring(service: string, port: number, work: () => Promise<unknown>): Promise<number> {
    const host = await this.#addressOf("kiln-servers", service);
    return lostDuring(() => answerOf(host, port, "/"), work);
  }

  /** Undefined while no controller answers. */
  async status(service: string): Promise<ServiceStatus | undefined> {
    const { code, stdout } = await this.#kiln.run(["status", service, "--json"], { env: this.env });
    return code === 0 ? (JSON.parse(stdout) as ServiceStatus[])[0] : undefined;
  }

  /** Ends the controller's pod as `kubectl delete pod` does, and waits until the next one answers. */
  async endPod(): Promise<void> {
    const path = "/api/v1/namespaces/kiln/pods/kiln-0";
    const pod = z.object({ metadata: z.object({ uid: z.string() }) });
    const uid = async () =>
      (await this.#cluster.api().read({ path, accept: [404], signal }, pod))?.metadata.uid;
    const before = await uid();
    await this.#cluster.api().read({ method: "DELETE", path, signal }, z.unknown());
    const isOther = async () => ![undefined, before].includes(await uid());
    await waitUntil(isOther, patienceMs, "the controller has another pod");
  }
}
