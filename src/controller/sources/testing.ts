import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { exec } from "../../lib/process/exec.ts";
import { memoryFolder } from "../../lib/testing.ts";

const person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"] as const;

/** A repository with a working folder, for commits. */
export interface TestRepository {
  /** The folder in which it is, and in which there is room for more. */
  readonly base: string;
  /** Its working folder. */
  readonly project: string;
  git(...args: readonly string[]): Promise<string>;
  /** Writes these files and commits all; returns the commit. */
  commit(files: Readonly<Record<string, string>>): Promise<string>;
}

export async function aRepository(): Promise<TestRepository & Disposable> {
  const base = memoryFolder("kiln-repository-");
  const project = join(base, "served/shop");
  await exec(["git", "init", "-q", "-b", "main", project]);
  const git = async (...args: readonly string[]) =>
    (await exec(["git", "-C", project, ...person, ...args])).stdout.trim();
  return {
    ...{ base, project, git },
    commit: async (files) => {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(project, name)), { recursive: true });
        writeFileSync(join(project, name), text);
      }
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "--message", "A change");
      return git("rev-parse", "HEAD");
    },
    [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }),
  };
}

export interface ServeOptions {
  /** The `Authorization` that every request must have. */
  readonly authorization?: string;
  /** Present: by https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly port?: number;
}

/** Serves a repository by git-http-backend(1), as a forge does. */
export async function serveByHttp({ base }: TestRepository, options: ServeOptions = {}) {
  const { authorization, tls, port = 0 } = options;
  const programs = (await exec(["git", "--exec-path"])).stdout.trim();
  const looks = { count: 0 };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    looks.count += 1;
    void backend(join(programs, "git-http-backend"), join(base, "served"), request, response).catch(() =>
      response.destroy(),
    );
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${tls === undefined ? "http" : "https"}://${at}/shop/.git`,
    /** How many requests it has answered. */
    looks,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** RFC 3875: the headers of the answer, an empty line, its body. */
async function backend(program: string, root: string, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? "/", "http://forge");
  const { headers, method = "GET" } = request;
  const given = {
    ...{ GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: "1", PATH_INFO: url.pathname },
    ...{ REQUEST_METHOD: method, QUERY_STRING: url.search.slice(1), PATH: process.env.PATH ?? "" },
    CONTENT_TYPE: headers["content-type"] ?? "",
    HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
    GIT_PROTOCOL: `${headers["git-protocol"] ?? ""}`,
  };
  const child = spawn(program, [], { env: given, stdio: ["pipe", "pipe", "ignore"] });
  void pipeline(request, child.stdin).catch(() => {});
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  const end = whole.indexOf("\r\n\r\n");
  for (const row of whole.subarray(0, end).toString().split("\r\n")) {
    const [name = "", value = ""] = row.split(/: (.*)/);
    if (name === "Status") response.statusCode = Number(value.slice(0, 3));
    else response.setHeader(name, value);
  }
  response.end(whole.subarray(end + 4));
}
