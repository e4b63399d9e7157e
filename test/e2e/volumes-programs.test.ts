import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, install, waitUntil, whyNoServers, writeFiles } from "./harness.ts";
import { restartMachine } from "./machine.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: Redis and SQLite in volumes, because ${why}.`);

/** One command, and the answer in the protocol's own words: RESP2. */
function redis(port: number, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setTimeout(10_000, () => socket.destroy(new Error("Redis does not answer")));
    socket.on("connect", () => socket.write(`${words.join(" ")}\r\nQUIT\r\n`));
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", reject);
    socket.on("close", () =>
      answer.endsWith("+OK\r\n") ? resolve(answer.slice(0, -5)) : reject(new Error(`cut off: ${answer}`)),
    );
  });
}

describe.skipIf(why !== undefined)("Redis in a volume", () => {
  let kiln: Installation;
  let folder: string;
  let port: number;
  const acknowledged: number[] = [];
  const configure = (maxmemory: string) =>
    writeFiles(folder, {
      "kiln.yaml": `
service: cache
image:
  from: debian:bookworm
  packages: [redis-server]
  user: redis
  command: [redis-server, --dir, /var/lib/redis, --appendonly, "yes", --appendfsync, always, --protected-mode, "no", --save, "", --maxmemory, ${maxmemory}]
servers: { port: 6379, volumes: [{ name: data, path: /var/lib/redis, size: 64MiB }] }
health: { interval: 100ms, ready: 1, deadline: 30s }
traffic: { mode: tcp, listen: ${port} }
rollout: { strategy: recreate, bake: 100ms, drain: 1s }
`,
    });
  const add = async (count: number) => {
    for (let left = count; left > 0; ) {
      const number = (acknowledged.at(-1) ?? 0) + 1;
      const answer = await redis(port, "RPUSH", "numbers", `${number}`).catch(() => "");
      if (!answer.startsWith(":")) continue;
      acknowledged.push(number);
      left -= 1;
    }
  };
  const kept = async () => {
    const answer = await redis(port, "LRANGE", "numbers", "0", "-1");
    return new Set([...answer.matchAll(/^\$\d+\r\n(\d+)\r$/gm)].map(([, number]) => Number(number)));
  };
  const lost = async () => {
    const there = await kept();
    return acknowledged.filter((number) => !there.has(number));
  };

  beforeAll(async () => {
    kiln = await install();
    port = await freePort();
    folder = await kiln.project({});
    await configure("30mb");
    await kiln.ok(["deploy"], { cwd: folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("a deploy, a failed one, a rollback and kill -9 of everything keep what was acknowledged", async () => {
    await add(20);
    await configure("31mb");
    await kiln.ok(["deploy"], { cwd: folder });
    await add(5);
    expect(await lost()).toEqual([]);
    await configure("nonsense");
    expect((await kiln.run(["deploy"], { cwd: folder })).code).toBe(4);
    await add(5);
    await kiln.ok(["rollback", "--service", "cache"]);
    await add(5);
    expect(await lost()).toEqual([]);
    await restartMachine(kiln.home);
    await kiln.ok(["controller", "start"]);
    await add(5);
    expect(await lost()).toEqual([]);
  });
});

const script = `#!/bin/sh
trap 'exit 0' TERM
db=/srv/notes/notes.db
sqlite3 $db "pragma journal_mode=wal; create table if not exists notes (n integer primary key, text)" > /dev/null
while :; do
  n=$(sqlite3 $db "pragma synchronous=full; insert into notes (text) values (randomblob($SIZE)) returning n" 2>&1) &&
    echo "committed $n" || echo "refused: $n"
  sleep 0.05
done
`;

describe.skipIf(why !== undefined)("SQLite in a volume", () => {
  let kiln: Installation;
  let folder: string;
  const configure = (bytes: number, size: string) =>
    writeFiles(folder, {
      "notes.sh": script,
      "kiln.yaml": `
service: notes
image:
  from: debian:bookworm
  packages: [sqlite3, dash, coreutils]
  files: [{ from: ./notes.sh, to: /usr/local/bin/notes, mode: "0755" }]
  user: "1000:1000"
  command: [/usr/local/bin/notes]
servers:
  env: { SIZE: ${bytes} }
  volumes: [{ name: data, path: /srv/notes, size: ${size} }]
health: { interval: 100ms, ready: 1 }
rollout: { strategy: recreate, bake: 300ms, drain: 0s }
`,
    });
  const lastLine = async (word: string) => {
    const { stdout } = await kiln.run(["logs", "notes", "--tail", "20"]);
    const lines = stdout.split("\n").filter((line) => line.includes(word));
    return lines.at(-1);
  };
  const committed = async () => Number(/committed (\d+)/.exec((await lastLine("committed")) ?? "")?.[1] ?? 0);
  const more = async (than: number) =>
    waitUntil(async () => (await committed()) > than, 60_000, `more than ${than} rows are committed`);
  /** Numbers of rows, from an archive of the volume. */
  const rows = async (): Promise<readonly number[]> => {
    await kiln.ok(["volume", "export", "data", "notes", "--output", join(folder, "out.tar"), "--force"]);
    await exec(["tar", "-xf", join(folder, "out.tar"), "-C", folder]);
    using db = new DatabaseSync(join(folder, "notes.db"));
    return db
      .prepare("select n from notes order by n")
      .all()
      .map(({ n }) => Number(n));
  };

  beforeAll(async () => {
    kiln = await install();
    folder = await kiln.project({});
    await configure(100, "16MiB");
    await kiln.ok(["deploy"], { cwd: folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("a deploy, a rollback and kill -9 of everything keep every committed row", async () => {
    await more(5);
    await configure(101, "16MiB");
    await kiln.ok(["deploy"], { cwd: folder });
    await kiln.ok(["rollback", "--service", "notes"]);
    const before = await committed();
    await restartMachine(kiln.home);
    await kiln.ok(["controller", "start"]);
    await more(before);
    const last = await committed();
    const found = await rows();
    expect(found.slice(0, last)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  });

  test("a full volume refuses writes and loses nothing, and a larger one takes more", async () => {
    await configure(1_000_000, "16MiB");
    await kiln.ok(["deploy"], { cwd: folder });
    const isFull = async () => (await lastLine("refused"))?.includes("full") ?? false;
    await waitUntil(isFull, 240_000, "the volume is full");
    const before = await rows();
    await configure(1_000_000, "64MiB");
    await kiln.ok(["deploy"], { cwd: folder });
    await more(before.length);
    expect((await rows()).slice(0, before.length)).toEqual(before);
  });
});
