import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { freePort } from "../../lib/testing.ts";
import { contentBytes } from "../store/content.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { packagesTree } from "./packages.ts";

const reason =
  process.getuid?.() !== 0
    ? "root is needed to enter an image"
    : ["apt-get", "dpkg-deb", "unshare", "setpriv"].find(
        (name) => spawnSync(name, ["--version"]).status !== 0,
      );
if (reason) console.log(`Skipped: ${reason}${reason.includes(" ") ? "" : " is not installed"}.`);
const it = test.skipIf(reason !== undefined);

const folder = mkdtempSync("/tmp/kiln-slim-");
const running: ChildProcess[] = [];
afterAll(async () => {
  for (const child of running) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

/** The image of these packages as a folder. */
async function image(name: string, packages: readonly string[]): Promise<string> {
  const locked = await packagesTree({
    suite: "bookworm",
    packages,
    engine: "slim",
    sources: [],
    skipScripts: [],
    architecture: spawnSync("dpkg", ["--print-architecture"]).stdout.toString().trim(),
    lockFile: join(folder, "kiln.lock"),
    service: name,
    updateLock: false,
    cacheFolder: join(folder, "cache"),
    signal: new AbortController().signal,
    progress: () => {},
    note: () => {},
  });
  const root = join(folder, name);
  write(await locked.tree(), root);
  return root;
}

function write(tree: TarTree, root: string): void {
  mkdirSync(root);
  const entries = [...tree.values()];
  for (const entry of entries.filter(({ type }) => type !== "hardlink"))
    writeEntry(entry, join(root, entry.path));
  for (const { path, link } of entries.filter(({ type }) => type === "hardlink")) {
    linkSync(join(root, link ?? ""), join(root, path));
  }
}

function writeEntry({ type, content, link, uid, gid, mode }: TarEntry, path: string): void {
  if (type === "folder") mkdirSync(path, { recursive: true });
  if (type === "symlink") symlinkSync(link ?? "", path);
  if (type === "file") writeFileSync(path, content ? contentBytes(content, 1 << 30) : "");
  lchownSync(path, uid, gid);
  if (type !== "symlink") chmodSync(path, mode);
}

/** Starts a program inside the image. It ends with this process, whatever ends this process. */
function start(root: string, argv: readonly string[], user = "0:0"): ChildProcess {
  const wrapped = [
    "--pdeathsig",
    "KILL",
    "unshare",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "chroot",
    `--userspec=${user}`,
    root,
    ...argv,
  ];
  const child = spawn("setpriv", wrapped, { stdio: ["ignore", "ignore", "pipe"] });
  running.push(child);
  return child;
}

function runInside(root: string, argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("chroot", [root, ...argv], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.trim();
}

/** Repeats `ask` until it answers, for at most 15 seconds; gives the program's last words when it ends before. */
async function answered<T>(child: ChildProcess, ask: () => Promise<T>): Promise<T> {
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  for (const end = Date.now() + 60_000; ; await delay(50)) {
    try {
      return await ask();
    } catch (error) {
      if (child.exitCode !== null)
        throw new Error(`it ended with ${child.exitCode}: ${said}`, { cause: error });
      if (Date.now() > end) throw new Error(`no answer: ${said}`, { cause: error });
    }
  }
}

async function get(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/`)).text();
}

it("nginx serves its default page", async () => {
  const root = await image("nginx", ["nginx"]);
  const port = await freePort();
  writeFileSync(
    join(root, "etc/nginx/conf.d/test.conf"),
    `server { listen 127.0.0.1:${port}; root /var/www/html; index index.nginx-debian.html; }`,
  );
  rmSync(join(root, "etc/nginx/sites-enabled/default"));
  const child = start(root, ["nginx", "-g", "daemon off;"]);
  expect(await answered(child, () => get(port))).toContain("Welcome to nginx!");
});

it("nodejs serves, and knows users, time zones and certificates", async () => {
  const root = await image("nodejs", ["nodejs"]);
  const port = await freePort();
  const program = `require("http").createServer((_, a) => a.end("node " + require("os").userInfo().username + Intl.DateTimeFormat().resolvedOptions().timeZone)).listen(${port}, "127.0.0.1")`;
  const child = start(root, ["node", "-e", program]);
  expect(await answered(child, () => get(port))).toBe("node rootUTC");
  expect(runInside(root, ["js", "-p", "1+1"])).toBe("2");
});

it("python3 serves, and its libraries load", async () => {
  const root = await image("python3", ["python3"]);
  const port = await freePort();
  const imports =
    "import bz2, ctypes, curses, decimal, hashlib, json, lzma, readline, sqlite3, ssl, uuid, zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin'); print(len(ssl.create_default_context().get_ca_certs()) > 50, sqlite3.connect(':memory:').execute('select 42').fetchone()[0])";
  expect(runInside(root, ["python3", "-B", "-c", imports])).toBe("True 42");
  // what Python's ctypes.util.find_library reads
  expect(runInside(root, ["ldconfig", "-p"])).toMatch(
    /libssl\.so\.3 \(libc6,[\w-]+\) => \/\S+\/libssl\.so\.3/,
  );
  const serve = [
    "python3",
    "-B",
    "-m",
    "http.server",
    "--bind",
    "127.0.0.1",
    "--directory",
    "/srv",
    String(port),
  ];
  expect(await answered(start(root, serve), () => get(port))).toContain("Directory listing");
});

it("redis-server answers, as its own user", async () => {
  const root = await image("redis", ["redis-server"]);
  const port = await freePort();
  const [, , uid, gid, , home] = runInside(root, ["getent", "passwd", "redis"]).split(":");
  expect(home).toBe("/var/lib/redis");
  const server = [
    ...["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--dir", "/var/lib/redis"],
    ...["--save", "", "--appendonly", "no"],
  ];
  const child = start(root, server, `${uid}:${gid}`);
  expect(await answered(child, () => ping(port))).toBe("+PONG\r\n");
  // the list of files and their digests is as dpkg wants it
  const verified = spawnSync("dpkg", [`--root=${root}`, "--verify"], { encoding: "utf8" });
  expect([verified.status, verified.stdout, verified.stderr]).toEqual([0, "", ""]);
  const audited = spawnSync("dpkg-query", [`--root=${root}`, "-W", "redis-server"], { encoding: "utf8" });
  expect(audited.stdout).toMatch(/^redis-server\t/);
});

async function ping(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [chunk] = await once(socket, "data");
    return String(chunk);
  } finally {
    socket.destroy();
  }
}
