import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { z } from "zod";
import { exec } from "../../../lib/process/exec.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import type { Api } from "../client/api.ts";
import { kubernetesApi } from "../client/http-api.ts";
import { forward } from "./forward.ts";
import { containerdConfig, kubeconfigText, kubeletConfig, networkConfig } from "./test-configs.ts";
import { writeKeys, writePause } from "./test-files.ts";

const startMs = 180_000;
const root = join(import.meta.dirname, "../../../..");
const programsScript = join(root, "scripts/test-cluster.sh");
const processOne = join(import.meta.dirname, "test-cluster.sh");
const guardScript = join(import.meta.dirname, "guard.sh");
const prefix = "kiln-kube-";
/** Where the node reaches the registry. */
const mirrorPort = 5000;

/** Why tests with a real cluster cannot run here, or undefined when they can. */
export async function whyNoCluster(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "not root";
  for (const program of ["containerd", "runc", "iptables", "ip", "unshare", "setpriv", "openssl"]) {
    const { code } = await exec(["which", program], { accept: "any" });
    if (code !== 0) return `${program} is not installed`;
  }
  if (!existsSync("/usr/lib/cni/bridge")) return "containernetworking-plugins is not installed";
  const { code, stderr } = await exec(["sh", programsScript, "check"], { accept: "any", env: cacheFolder() });
  return code === 0 ? undefined : stderr.trim().replace(/\.$/, "");
}

function cacheFolder(): Readonly<Record<string, string>> {
  const { KILN_CACHE } = process.env;
  return KILN_CACHE === undefined ? {} : { KILN_CACHE };
}

/** What a test gives a cluster besides its programs. */
export interface ClusterNeeds {
  /** `127.0.0.1:PORT` of a registry on this machine: its nodes reach it by that name too, nodes and pods as `secureRegistry`. Absent: none. */
  readonly registry?: string;
}

/**
 * A real Kubernetes of one node: Debian's 1.20.2, etcd and containerd, in namespaces of their own. It ends with the process that has
 * started it, and leaves nothing: neither mounts nor links, rules of a packet filter, or cgroups.
 */
export class TestCluster implements AsyncDisposable {
  readonly #number = freeNumber();
  readonly #tag = randomInt(0x1000000).toString(16).padStart(6, "0");
  /** Begins with whose it is: what a process that is gone has left can be removed by any other. */
  readonly #name = `${prefix}${process.pid}-${this.#tag}`;
  readonly folder = `/tmp/${this.#name}`;
  // RFC 2544, section C.2.2: addresses that no network in use has.
  readonly machine = `198.18.${2 * this.#number}.1`;
  readonly node = `198.18.${2 * this.#number}.2`;
  readonly #pods = `198.18.${2 * this.#number + 1}.0/24`;
  readonly #services = `198.19.${this.#number}.0/24`;
  /** The registry over TLS. */
  readonly secureRegistry = `${this.machine}:5443`;
  /** Who certifies it, and the API server: PEM, an absolute path. */
  readonly authority = join(this.folder, "server.pem");
  readonly #link = `kk-${this.#tag}`;
  #unshare: ChildProcess | undefined;
  #guard: ChildProcess | undefined;
  #mirrors: readonly Server[] = [];

  /** An absolute path; its user may do everything. */
  readonly kubeconfig = join(this.folder, "outside.kubeconfig");

  async start(needs: ClusterNeeds = {}): Promise<void> {
    removeLeftovers();
    this.#guard = guard(this.#name);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#makeCgroup();
    const { stdout } = await exec(["sh", programsScript, "where"], { env: cacheFolder() });
    const programs = stdout.trim();
    // Pods find the API server at the first address of Services.
    const addresses = [this.node, "127.0.0.1", this.machine, this.#services.replace(/0\/24$/, "1")];
    await Promise.all([writePause(this.folder, programs), writeKeys(this.folder, addresses)]);
    const { registry } = needs;
    this.#writeFiles(registry === undefined ? undefined : [registry, this.secureRegistry]);
    const child = spawn(
      "setpriv",
      [
        ...[
          "--pdeathsig",
          "KILL",
          "unshare",
          "--net",
          "--mount",
          "--pid",
          "--fork",
          "--kill-child",
          "--mount-proc",
        ],
        ...["sh", processOne, this.folder, programs, this.machine, this.node, this.#pods, this.#services],
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    this.#unshare = child;
    await this.#connect(child);
    if (registry !== undefined) {
      const certified = {
        key: readFileSync(join(this.folder, "server.key")),
        cert: readFileSync(this.authority),
      };
      this.#mirrors = await Promise.all([
        forward(createServer(), `${this.machine}:${mirrorPort}`, registry),
        forward(createTlsServer(certified), this.secureRegistry, registry, "secureConnection"),
      ]);
    }
    const api = this.api();
    await this.#until("the API answers", () => api.version(AbortSignal.timeout(10_000)).then(() => true));
    writeFileSync(join(this.folder, "api-answers"), "");
    await this.#until("the node is ready", () => isNodeReady(api));
    await this.#until("the default service account is there", async () => {
      const path = "/api/v1/namespaces/default/serviceaccounts/default";
      return (
        (await api.read({ path, accept: [404], signal: AbortSignal.timeout(10_000) }, z.object({}))) !==
        undefined
      );
    });
  }

  api(): Api {
    return kubernetesApi({ kubeconfig: this.kubeconfig, context: undefined, clock: systemClock });
  }

  /** A kubeconfig like that of its administrator, for a user with the given token. */
  kubeconfigFor(token: string): string {
    const path = join(this.folder, `${token}.kubeconfig`);
    writeFileSync(path, this.#kubeconfig(`https://${this.node}:6443`, token));
    return path;
  }

  async #until(what: string, look: () => Promise<boolean>): Promise<void> {
    const endMs = Date.now() + startMs;
    let last: unknown;
    const tryIt = () =>
      look().catch((error: unknown) => {
        last = error;
        return false;
      });
    while (!(await tryIt())) {
      const ended = this.#unshare?.exitCode;
      if (Date.now() > endMs || (ended !== null && ended !== undefined))
        throw new Error(`Waited in vain: ${what}. ${String(last ?? "")}\n${this.logs()}`);
      await systemClock.sleep(100);
    }
  }

  /** The ends of its programs' logs. */
  logs(): string {
    const names = readdirSync(this.folder).filter((name) => name.endsWith(".log"));
    return names
      .map(
        (name) =>
          `== ${name}\n${readFileSync(join(this.folder, name), "utf8").split("\n").slice(-15).join("\n")}`,
      )
      .join("\n");
  }

  async #connect({ pid = 0 }: ChildProcess): Promise<void> {
    let first = "";
    await this.#until("its first process runs", async () => {
      first = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
      return first !== "";
    });
    await exec(["ip", "link", "add", this.#link, "type", "veth", "peer", "name", "eth0", "netns", first]);
    await exec(["ip", "addr", "add", `${this.machine}/30`, "dev", this.#link]);
    await exec(["ip", "link", "set", this.#link, "up"]);
    for (const network of [this.#pods, this.#services])
      await exec(["ip", "route", "add", network, "via", this.node, "dev", this.#link]);
  }

  #makeCgroup(): void {
    for (const folder of cgroupRoots()) {
      const own = join(folder, this.#name);
      mkdirSync(own);
      for (const file of ["cpuset.cpus", "cpuset.mems"])
        if (existsSync(join(own, file))) writeFileSync(join(own, file), readFileSync(join(folder, file)));
    }
  }

  #writeFiles(registries: readonly string[] | undefined): void {
    const write = (name: string, content: string) =>
      writeFileSync(join(this.folder, name), content, { mode: 0o600 });
    const administrator = "administrator";
    write("tokens.csv", `${administrator},admin,1,"system:masters"\nlimited,limited,2,"limited"\n`);
    write("admin.kubeconfig", this.#kubeconfig("https://127.0.0.1:6443", administrator));
    write("outside.kubeconfig", this.#kubeconfig(`https://${this.node}:6443`, administrator));
    write("resolv.conf", "");
    write(
      "containerd.toml",
      containerdConfig(
        this.folder,
        registries && { names: registries, host: this.machine, port: mirrorPort },
      ),
    );
    mkdirSync(join(this.folder, "cni"));
    write("cni/10-kiln.conflist", JSON.stringify(networkConfig(this.#pods)));
    write("kubelet.yaml", JSON.stringify(kubeletConfig(this.#name, join(this.folder, "resolv.conf"))));
  }

  #kubeconfig(server: string, token: string): string {
    return kubeconfigText({ server, token, authority: this.authority });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mirror of this.#mirrors) mirror.close();
    const child = this.#unshare;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
    const removing = this.#guard;
    if (removing === undefined) return;
    const removed = once(removing, "exit");
    removing.stdin?.end();
    await removed;
  }
}

const nodesSchema = z.object({
  items: z.array(
    z.object({
      status: z.object({
        conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
      }),
    }),
  ),
});

async function isNodeReady(api: Api): Promise<boolean> {
  const nodes = await api.read({ path: "/api/v1/nodes", signal: AbortSignal.timeout(10_000) }, nodesSchema);
  return (
    nodes?.items.some(({ status }) =>
      status.conditions.some((c) => c.type === "Ready" && c.status === "True"),
    ) ?? false
  );
}

function cgroupRoots(): readonly string[] {
  const all = readdirSync("/sys/fs/cgroup", { withFileTypes: true });
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return ["/sys/fs/cgroup"];
  return all.filter((entry) => entry.isDirectory()).map(({ name }) => join("/sys/fs/cgroup", name));
}

/** Outlives this process, whatever ends it, until all that the cluster has left is removed. */
function guard(name: string): ChildProcess {
  const child = spawn("sh", [guardScript, name], { stdio: ["pipe", "ignore", "inherit"], detached: true });
  child.unref();
  return child;
}

/** Of clusters whose guard was killed, too. */
function removeLeftovers(): void {
  for (const name of readdirSync("/tmp").filter((each) => each.startsWith(prefix))) {
    const [owner = ""] = name.slice(prefix.length).split("-");
    if (!existsSync(`/proc/${owner}`)) guard(name).stdin?.end();
  }
}

/** Two clusters with the same networks would reach each other's nodes. */
function freeNumber(): number {
  const used = new Set(
    Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)),
  );
  const free = Array.from({ length: 64 }, (_, number) => number).filter(
    (number) => !used.has(`198.18.${2 * number}.1`),
  );
  return free[randomInt(free.length)] ?? 0;
}
