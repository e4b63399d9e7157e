import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import { requireProgram } from "../../src/platform/terraform/workplace.ts";
import { type Installation, install, lostDuring, waitUntil, whyNoServers } from "./harness.ts";

const example = new URL("../../contrib/terraform/local", import.meta.url).pathname;

const why = whyNoServers() ?? whyNoTerraform();
if (why !== undefined) console.log(`Skipped: a target of the platform terraform, because ${why}.`);

function whyNoTerraform(): string | undefined {
  try {
    requireProgram();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** An installation with targets whose servers the module of contrib/terraform/local makes. */
class Cloud implements AsyncDisposable {
  declare kiln: Installation;
  declare port: number;
  declare folder: string;
  /** Is in the environment of every server, and of nothing else. */
  readonly mark = `mark-${process.pid}-${Date.now()}`;

  async open(): Promise<void> {
    this.kiln = await install("/tmp", { drifts: true });
    this.port = await freePort();
    this.folder = await this.kiln.project({ page: "" });
    await cp(example, join(this.folder, "group"), { recursive: true });
    await this.configure("one");
    await this.kiln.ok(["target", "add", "prod", "--platform", "terraform", "--module", "./group"], {
      cwd: this.folder,
    });
  }

  configure(message: string, { service = "shop", target = "prod", listen = this.port } = {}): Promise<void> {
    const lines = [
      ...[`service: ${service}`, `target: ${target}`],
      'image: { from: scratch, files: [{ from: page, to: /page, mode: "0755" }], command: [/page] }',
      `servers: { count: 2, port: 18080, env: { MESSAGE: "${message} ${this.mark}" } }`,
      "health: { http: /, interval: 200ms, timeout: 5s, deadline: 20s }",
      `traffic: { listen: ${listen} }`,
      "rollout: { bake: 50ms }",
    ];
    return writeFile(join(this.folder, "kiln.yaml"), lines.join("\n"));
  }

  inProject(...args: readonly string[]) {
    return this.kiln.ok(args, { cwd: this.folder });
  }

  async answer(): Promise<string | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}/`, { signal: AbortSignal.timeout(60_000) });
      return response.ok ? await response.text() : undefined;
    } catch {
      return undefined;
    }
  }

  async ready(): Promise<readonly string[]> {
    const [status] = await this.kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return (status?.servers ?? []).filter(({ inTraffic }) => inTraffic).map(({ id }) => id);
  }

  readyWithout(server: string | undefined, count: number): Promise<void> {
    const isSo = async () => {
      const now = await this.ready();
      return now.length === count && !now.some((id) => id === server);
    };
    return waitUntil(isSo, 120_000, `${count} servers without ${server} have the traffic`);
  }

  /** How many requests were lost while the work was done. */
  lostDuring(work: () => Promise<unknown>): Promise<number> {
    return lostDuring(() => this.answer(), work);
  }

  /** Processes that are servers, by the number of each. */
  async servers(): Promise<readonly { readonly pid: number; readonly name: string }[]> {
    const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const found = numbers.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const [, name] = /(?:^|\0)NAME=([^\0]+)/.exec(environment) ?? [];
      const isServer = environment.includes(this.mark) && /server\.pl\0$/.test(command);
      return isServer && name !== undefined ? [{ pid: Number(pid), name }] : [];
    });
    return (await Promise.all(found)).flat();
  }

  groups(): Promise<readonly string[]> {
    return readdir(join(this.kiln.home, "targets/prod/terraform/groups"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kiln[Symbol.asyncDispose]();
    for (const { pid } of await this.servers()) process.kill(pid, "SIGKILL");
  }
}

/** Never another process than the one that is meant: 0 would be all of this group. */
function kill(pid: number | undefined): void {
  if (pid === undefined || pid <= 1) throw new Error("The process that is to be killed was not found.");
  process.kill(pid, "SIGKILL");
}

describe.skipIf(why !== undefined)("a service whose servers Terraform makes", () => {
  const cloud = new Cloud();
  beforeAll(() => cloud.open(), 120_000);
  afterAll(() => cloud[Symbol.asyncDispose](), 300_000);

  test("a deploy makes its group, as a user without rights, and the router reaches it", async () => {
    const { stdout } = await cloud.inProject("plan");
    expect(stdout).toMatch(
      /Terraform would make 2 resources for release 1: terraform_data\.server\["shop-1-1-1"\]/,
    );
    await cloud.inProject("deploy");
    expect(await cloud.answer()).toContain("shop 1 one");
    const [server, ...others] = await cloud.servers();
    expect(others.map(({ name }) => name)).not.toContain(server?.name);
    const status = await readFile(`/proc/${server?.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t65534\t/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test("a deploy and a rollback lose no request; each release has a state of its own", async () => {
    await cloud.configure("two");
    expect(await cloud.lostDuring(() => cloud.inProject("deploy"))).toBe(0);
    expect(await cloud.answer()).toContain("shop 2 two");
    expect((await cloud.groups()).toSorted()).toEqual(["shop-1", "shop-2"]);
    expect(await cloud.lostDuring(() => cloud.inProject("rollback"))).toBe(0);
    expect(await cloud.answer()).toContain("shop 1 one");
  });

  test("scaling makes and removes servers, and replaces none", async () => {
    const before = await cloud.ready();
    await cloud.inProject("scale", "3");
    expect(await cloud.ready()).toEqual(expect.arrayContaining([...before]));
    expect(await cloud.lostDuring(() => cloud.inProject("scale", "2"))).toBe(0);
    await cloud.readyWithout(undefined, 2);
  });

  test("a server that dies is replaced", async () => {
    const [victim] = await cloud.ready();
    const process_ = (await cloud.servers()).find(({ name }) => name === victim);
    kill(process_?.pid);
    await cloud.readyWithout(victim, 2);
  });

  test("Terraform continues when the controller is killed, and the next one takes over what it has made", async () => {
    const runs = join(cloud.kiln.home, "targets/prod/runs");
    const scaling = cloud.kiln.run(["scale", "4"], { cwd: cloud.folder });
    const isRunning = async () => (await readdir(runs)).some((name) => name.endsWith(".out"));
    await waitUntil(isRunning, 60_000, "Terraform runs");
    kill(await cloud.kiln.controllerPid());
    await scaling;
    await cloud.inProject("scale", "4");
    await cloud.readyWithout(undefined, 4);
    const running = (await cloud.servers()).map(({ name }) => name);
    expect(running).toEqual(expect.arrayContaining([...(await cloud.ready())]));
    expect(new Set(running).size).toBe(running.length);
  });

  test("a module that would change servers in place is refused with the resource, and nothing is changed", async () => {
    await cp(join(cloud.folder, "group"), join(cloud.folder, "wrong"), { recursive: true });
    const main = join(cloud.folder, "wrong/main.tf");
    const text = await readFile(main, "utf8");
    await writeFile(main, text.replace("    answer ", "    others = length(var.kiln.servers)\n    answer "));
    await cloud.inProject("target", "add", "wrong", "--platform", "terraform", "--module", "wrong");
    await cloud.configure("wrong", { service: "till", target: "wrong", listen: await freePort() });
    await cloud.inProject("deploy");
    const servers = await cloud.servers();
    const { code, stdout, stderr } = await cloud.kiln.run(["scale", "3"], { cwd: cloud.folder });
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(
      /module\.group\.terraform_data\.server\["till-1-\d-1"\] would get: update/,
    );
    expect(await cloud.servers()).toEqual(servers);
    await cloud.inProject("remove", "till", "--yes");
    await cloud.inProject("target", "rm", "wrong");
  });

  test("a service that is removed leaves no server, no group and no state", async () => {
    await rm(join(cloud.folder, "group"), { recursive: true }); // a group is removed by the module that has made it
    await cloud.inProject("remove", "shop", "--yes");
    await waitUntil(async () => (await cloud.groups()).length === 0, 60_000, "no group is left");
    expect(await cloud.servers()).toEqual([]);
    await cloud.inProject("target", "rm", "prod");
    const { stdout } = await exec(["find", join(cloud.kiln.home, "targets"), "-name", "*.tfstate*"], {
      accept: "any",
    });
    expect(stdout).toBe("");
  });
});
