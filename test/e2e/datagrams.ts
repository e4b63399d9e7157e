import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, writeFiles } from "./harness.ts";

/** A DNS server: Debian's dnsmasq, which answers for the name `release` with an address that is the release's. */
export interface NameServer {
  readonly folder: string;
  readonly port: number;
  configure(options: NameServerOptions): Promise<void>;
}

export interface NameServerOptions {
  /** The last byte of the address that it answers with. */
  readonly answer: number;
  readonly count?: number;
  /** More of `traffic`, `rollout` and the whole, as YAML. */
  readonly traffic?: string;
  readonly rollout?: string;
  readonly more?: string;
}

export async function nameServer(
  kiln: Installation,
  name: string,
  first: NameServerOptions,
): Promise<NameServer> {
  const port = await freePort();
  const folder = await kiln.project({});
  for (const path of await filesOf(program)) {
    await mkdir(dirname(join(folder, "root", path)), { recursive: true });
    await copyFile(path, join(folder, "root", path));
  }
  const configure = async (options: NameServerOptions) => {
    const { answer, count = 2, traffic = "", rollout = "", more = "" } = options;
    const common = [
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--no-resolv",
      "--no-hosts",
      "--pid-file=",
    ];
    const own = ["--port=5353", `--address=/release/10.0.0.${answer}`];
    const command = [program, ...common, ...own];
    await writeFiles(folder, {
      "kiln.yaml": `
service: ${name}
image:
  from: scratch
  files: [{ from: ./root, to: / }]
  users: [{ name: nobody, uid: 65534 }]
  command: ${JSON.stringify(command)}
servers: { count: ${count}, port: 5353 }
health: { interval: 50ms, ready: 1 }
traffic: { mode: udp, listen: ${port} ${traffic} }
rollout: { bake: 50ms, drain: 4s, keepWarm: 0s ${rollout} }
${more}
`,
    });
  };
  await configure(first);
  return { folder, port, configure };
}

const program = "/usr/sbin/dnsmasq";

/** The program and the libraries that the loader finds for it. */
async function filesOf(path: string): Promise<readonly string[]> {
  const { stdout } = await exec(["ldd", path]);
  return [path, ...[...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = ""]) => library)];
}

/** What became of the questions of a client. */
export interface Asked {
  sent: number;
  /** By the last byte of the answer. */
  readonly answers: Map<number, number>;
}

/** How long an answer may take before it counts as lost. No question is sent a second time. */
const patienceMs = 5_000;

/**
 * Asks again and again without repeating anything: by a socket of its own for each question, as resolvers do, or by one that is kept.
 * `end` resolves once every question is answered, or lost.
 */
export function asks(
  place: { readonly address?: string; readonly port: number },
  { keeps, everyMs }: { readonly keeps: boolean; readonly everyMs: number },
): { readonly asked: Asked; end(): Promise<Asked> } {
  const asked: Asked = { sent: 0, answers: new Map() };
  const waiting = new Set<Promise<void>>();
  const pending = new Map<number, () => void>();
  const kept = keeps ? open() : undefined;
  function open(): Socket {
    const socket = createSocket("udp4");
    socket.on("message", (answer) => {
      const last = answer.at(-1) ?? 0;
      asked.answers.set(last, (asked.answers.get(last) ?? 0) + 1);
      pending.get(answer.readUInt16BE(0))?.();
    });
    socket.on("error", () => {}); // a refusal counts as a question without an answer
    return socket;
  }
  const timer = setInterval(() => {
    const id = asked.sent++ % 65_536;
    const socket = kept ?? open();
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = setTimeout(resolve, patienceMs);
    pending.set(id, resolve);
    const done = promise.then(() => {
      clearTimeout(late);
      pending.delete(id);
      waiting.delete(done);
      if (kept === undefined) socket.close();
    });
    waiting.add(done);
    socket.send(question(id), place.port, place.address ?? "127.0.0.1");
  }, everyMs);
  return {
    asked,
    end: async () => {
      clearInterval(timer);
      await Promise.all(waiting);
      if (kept !== undefined) {
        kept.close();
        await once(kept, "close");
      }
      return asked;
    },
  };
}

export function lostOf({ sent, answers }: Asked): number {
  return sent - [...answers.values()].reduce((sum, count) => sum + count, 0);
}

/** RFC 1035, section 4: the address of `release`. */
function question(id: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x0100, 2);
  head.writeUInt16BE(1, 4);
  return Buffer.concat([head, Buffer.from("\x07release\0\0\x01\0\x01", "latin1")]);
}
