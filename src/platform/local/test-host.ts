import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { Release, ReleaseSecret } from "../../domain/rollout/release.ts";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import { KilnError } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { exec } from "../../lib/process/exec.ts";
import { readIfThere } from "../../lib/process/proc.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";
import type { HostImage } from "../contract/images.ts";
import type { LogLine } from "../contract/reading.ts";
import type { HostServer } from "../fleet/host.ts";
import { subnetSize } from "../linux/addresses.ts";
import { type LocalHost, localHost } from "./local-host.ts";
import { recordedNetwork } from "./network/choice.ts";
import { hostPaths } from "./paths.ts";
import { findProgram } from "./programs.ts";
import { ownerOf } from "./server/user-namespaces.ts";
import { makeTestImages, shellImage, type TestImages, testRelease } from "./test-image.ts";

/** Why tests with real containers cannot run here, or undefined when they can. */
export function whyNoContainers(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  for (const program of ["runc", "conmon", "mkfs.erofs", "ip", "nft"]) {
    try {
      findProgram(program);
    } catch {
      return `${program} is not installed`;
    }
  }
  return undefined;
}

/** A real local host on a state folder of its own, with images made of shell scripts. */
export class TestHost implements AsyncDisposable {
  readonly state: StateFolder;
  readonly host: LocalHost;
  readonly images: TestImages;
  /** Values of secrets, by `NAME VERSION`. */
  readonly values = new Map<string, string | Uint8Array>();

  constructor(images: TestImages, home = mkdtempSync("/tmp/kiln-")) {
    this.images = images;
    this.state = openStateFolder({ KILN_HOME: home });
    this.host = this.reopen();
  }

  /** What a new controller would see. */
  reopen(): LocalHost {
    return localHost({
      ...{ state: this.state, images: this.images, clock: systemClock, log: silentLog },
      secrets: {
        newest: async () => new Uint8Array(),
        open: async (_service, secrets) => new Map(secrets.map((s) => [s.name, this.#value(s)])),
      },
      configs: { open: async (digest) => Buffer.from(`content of ${digest}`) },
    });
  }

  #value({ name, version }: ReleaseSecret): Uint8Array {
    const value = this.values.get(`${name} ${version}`);
    if (value !== undefined) return Buffer.from(value);
    throw new KilnError("secret_missing", `There is no version ${version} of ${name}.`);
  }

  /** Creates a server that runs `script`. */
  run(
    id: string,
    script: string,
    shape: Partial<ServerShape> = {},
    image: Partial<HostImage> = {},
    release: Partial<Release> = {},
  ): Promise<HostServer> {
    this.images.images.set(id, shellImage(script, image));
    return this.host.create({ id, release: { ...testRelease(id, shape), ...release } }, aCall());
  }

  async find(id: string): Promise<HostServer | undefined> {
    return (await this.host.list(aCall())).find((server) => server.id === id);
  }

  async lines(
    id: string,
    options: { tail?: number; follow?: boolean; withinMs?: number } = {},
  ): Promise<readonly string[]> {
    const lines: LogLine[] = [];
    for await (const line of this.host.logs.read(id, options, aCall(options.withinMs).signal))
      lines.push(line);
    return lines.map(({ text }) => text);
  }

  /** Waits for the server's end and returns all that it wrote. */
  async output(id: string): Promise<string> {
    await until(async () => (await this.find(id))?.state === "exited");
    return (await this.lines(id)).join("\n");
  }

  async destroyAll(): Promise<void> {
    const servers = await this.host.list(aCall());
    await Promise.all(servers.map(({ id }) => this.host.destroy(id, aCall())));
  }

  /** Everything outside the state folder that carries its tag or its path. */
  async traces(): Promise<readonly string[]> {
    const { tag, home } = this.state;
    const outputs = await Promise.all([
      exec(["ip", "-o", "link"]),
      exec(["nft", "list", "tables"]),
      // What others remove meanwhile is an error to find(1).
      exec(["find", "/sys/fs/cgroup", "-maxdepth", "3", "-name", `*${tag}*`], { accept: "any" }),
    ]);
    const lines = [...outputs.map(({ stdout }) => stdout), readFileSync("/proc/self/mountinfo", "utf8")]
      .join("\n")
      .split("\n");
    const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
    const named = [...lines, ...namespaces, ...commandLines()].filter(
      (line) => line.includes(tag) || line.includes(`${home}/`),
    );
    return [...named, ...[`/run/kiln-${tag}`].filter((folder) => existsSync(folder)), ...this.#holders()];
  }

  /** Processes that hold namespaces for servers. */
  #holders(): readonly string[] {
    const network = recordedNetwork(hostPaths(this.state), this.state.tag);
    if (network === undefined) return [];
    const first = ownerOf(network.subnet.base);
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => {
      const uid = Number(/^Uid:\t(\d+)/m.exec(readIfThere(`/proc/${pid}/status`) ?? "")?.[1] ?? -1);
      return uid >= first && uid < first + subnetSize(network.subnet) ? [`pid ${pid} of uid ${uid}`] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroyAll();
    rmSync(this.state.home, { recursive: true, force: true });
  }
}

function commandLines(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    });
}

export function aCall(withinMs = 60_000): Call {
  return { signal: AbortSignal.timeout(withinMs), deadline: Date.now() + withinMs };
}

export async function until(condition: () => boolean | Promise<boolean>, withinMs = 120_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not so within ${withinMs} ms: ${condition}`);
    await systemClock.sleep(10);
  }
}

/**
 * Inside `describe`: each test gets a local host of its own by `use`, and must leave nothing of it on the machine. The images are made
 * once.
 */
export function hostPerTest(use: (t: TestHost) => void): void {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());
  beforeEach(() => {
    t = new TestHost(images);
    use(t);
  });
  afterEach(async () => {
    try {
      await t.destroyAll();
      expect(await t.traces()).toEqual([]);
    } finally {
      await t[Symbol.asyncDispose]();
    }
  });
}

/** Image layers are made once per test file. */
export async function openImages(): Promise<TestImages & Disposable> {
  const folder = mkdtempSync("/tmp/kiln-im-");
  const images = await makeTestImages(folder);
  return { ...images, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
