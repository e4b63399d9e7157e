import { connect, type Socket } from "node:net";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, writeFiles } from "./harness.ts";

/** PostgreSQL from Debian's packages, in an image of Kiln's own: its data is in a volume. */
export interface PostgresService {
  readonly folder: string;
  readonly port: number;
  /** Writes kiln.yaml again; another `env` makes another release. */
  configure(options: PostgresOptions): Promise<void>;
  /** Rows of the answer, each with its columns as text. Throws what the server answers, or that it does not. */
  query(sql: string): Promise<readonly (readonly string[])[]>;
}

interface PostgresOptions {
  /** As YAML, in place of an empty environment. */
  readonly env?: string;
  /** More of the volume, as YAML. */
  readonly volume?: string;
  /** A line of shell that runs before the database. */
  readonly before?: string;
}

export async function postgresService(
  kiln: Installation,
  options: PostgresOptions = {},
): Promise<PostgresService> {
  const port = await freePort();
  const folder = await kiln.project({ start: startScript("") });
  const configure = async ({ before = "", ...more }: PostgresOptions) =>
    writeFiles(folder, { "kiln.yaml": specText(port, { ...options, ...more }), start: startScript(before) });
  await configure({});
  return { folder, port, configure, query: (sql) => query(port, sql) };
}

const startScript = (before: string) => `#!/bin/sh
set -eu
bin=/usr/lib/postgresql/15/bin data=/var/lib/postgresql/data
${before}
if [ ! -s "$data/PG_VERSION" ]; then
  $bin/initdb --pgdata="$data" --auth=trust
  echo "host all all all trust" >> "$data/pg_hba.conf"
fi
exec $bin/postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/run
`;

function specText(port: number, { env = "{}", volume = "size: 256MiB" }: PostgresOptions): string {
  return `
service: db
image:
  from: debian:bookworm
  packages: [postgresql-15, dash]
  files: [{ from: ./start, to: /usr/local/bin/start, mode: "0755" }]
  user: postgres
  command: [/usr/local/bin/start]
servers:
  port: 5432
  env: ${env}
  writable: [/run, /tmp]
  volumes: [{ name: data, path: /var/lib/postgresql, ${volume} }]
health: { interval: 100ms, ready: 1, deadline: 60s }
traffic: { mode: tcp, listen: ${port} }
rollout: { strategy: recreate, bake: 100ms, drain: 1s }
`;
}

/** One simple query on a connection of its own: PostgreSQL's frontend/backend protocol 3.0, without a password. */
function query(port: number, sql: string): Promise<readonly (readonly string[])[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(30_000, () => socket.destroy(new Error("the database does not answer")));
    const rows: (readonly string[])[] = [];
    let buffer = Buffer.alloc(0);
    let asked = false;
    socket.on("connect", () => socket.write(startup()));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the database has closed the connection")));
    socket.on("data", (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (let message = take(); message !== undefined; message = take()) {
        if (message.type === "E") return end(socket, () => reject(new Error(errorText(message.body))));
        if (message.type === "D") rows.push(columns(message.body));
        if (message.type !== "Z") continue;
        if (asked) return end(socket, () => resolve(rows));
        asked = true;
        socket.write(typed("Q", Buffer.from(`${sql}\0`)));
      }
    });
    const take = () => {
      if (buffer.length < 5 || buffer.length < 1 + buffer.readInt32BE(1)) return undefined;
      const size = 1 + buffer.readInt32BE(1);
      const message = { type: buffer.toString("latin1", 0, 1), body: buffer.subarray(5, size) };
      buffer = buffer.subarray(size);
      return message;
    };
  });
}

function end(socket: Socket, settle: () => void): void {
  settle();
  socket.end(typed("X", Buffer.alloc(0)));
}

function startup(): Buffer {
  const body = Buffer.from("\0\x03\0\0user\0postgres\0database\0postgres\0\0", "latin1");
  return Buffer.concat([length(body), body]);
}

function typed(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), length(body), body]);
}

function length(body: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(body.length + 4);
  return bytes;
}

function columns(body: Buffer): readonly string[] {
  const count = body.readInt16BE(0);
  const texts: string[] = [];
  for (let at = 2; texts.length < count; ) {
    const size = body.readInt32BE(at);
    texts.push(body.toString("utf8", at + 4, at + 4 + Math.max(0, size)));
    at += 4 + Math.max(0, size);
  }
  return texts;
}

function errorText(body: Buffer): string {
  const fields = body.toString().split("\0");
  return fields.find((field) => field.startsWith("M"))?.slice(1) ?? fields.join(" ");
}
