import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SourceSpec } from "../../domain/source.ts";
import { exec } from "../../lib/process/exec.ts";
import { git, requirePlainPath, transportOf } from "./git.ts";

let base: string;
const signal = new AbortController().signal;

beforeEach(() => {
  base = mkdtempSync("/tmp/kiln-git-");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A server of one repository without branches, and what it is asked with. */
async function forge(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/shop.git`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const id = "1".repeat(40);

/** gitprotocol-http(5), "Dumb Clients". */
function dumb(response: ServerResponse): void {
  response.setHeader("content-type", "text/plain");
  response.end(`${id}\trefs/heads/main\n`);
}

function credentialsFile(text: string, mode = 0o600): string {
  const path = join(base, "token");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const spec = (url: string, more: Partial<SourceSpec> = {}): SourceSpec => ({
  ...{ url, branch: "main", path: ".", intervalMs: 60_000, ...more },
});

async function look(source: SourceSpec) {
  return git(base, ["ls-remote", source.url], { ...(await transportOf(source)), signal, timeoutMs: 60_000 });
}

test("a token reaches the server, and neither arguments nor answers", async () => {
  const asked: (string | undefined)[] = [];
  await using server = await forge((request, response) => {
    asked.push(request.headers.authorization);
    if (request.headers.authorization === undefined) response.writeHead(401).end();
    else dumb(response);
  });
  const anonymous = await look(spec(server.url));
  expect(anonymous.code).not.toBe(0);
  const source = spec(server.url, { credentials: credentialsFile("s3cret\n") });
  const { settings = [] } = await transportOf(source);
  expect(settings.join()).not.toContain("s3cret");
  expect(await look(source)).toMatchObject({ code: 0, stdout: `${id}\trefs/heads/main\n` });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  expect(asked.at(-1)).toBe(basic("x-access-token:s3cret"));
  await look(spec(server.url, { credentials: credentialsFile("ada:s3cret") }));
  expect(asked.at(-1)).toBe(basic("ada:s3cret"));
});

test("a redirect is not followed", async () => {
  await using elsewhere = await forge((_, response) => dumb(response));
  await using server = await forge((request, response) => {
    const { origin } = new URL(elsewhere.url);
    response.writeHead(302, { location: `${origin}${request.url}` }).end();
  });
  expect((await look(spec(server.url))).code).not.toBe(0);
});

test("a file of credentials that others can read, or that is missing or empty, is refused", async () => {
  const url = "https://127.0.0.1:1/shop";
  const refused = (credentials: string) => expect(transportOf(spec(url, { credentials }))).rejects;
  await refused(credentialsFile("s3cret", 0o644)).toMatchObject({ code: "source_invalid" });
  await refused(credentialsFile("\n")).toThrow("holds no token");
  await refused(join(base, "none")).toThrow("is missing");
});

test("ssh knows no configuration but Kiln's, and its host by name at the address that was checked", async () => {
  const credentials = credentialsFile("key");
  const { env = {} } = await transportOf(
    spec("ssh://git@localhost:2222/shop", { credentials, knownHosts: "/etc/kiln/hosts" }),
  );
  const command = env.GIT_SSH_COMMAND ?? "";
  expect(command).toMatch(/^ssh -F none /);
  for (const option of ["HostKeyAlias=[localhost]:2222", "StrictHostKeyChecking=yes", "ProxyCommand=none"])
    expect(command).toContain(`'${option}'`);
  expect(command).toMatch(/'HostName=(127\.0\.0\.1|::1)'/);
  const { stdout } = await exec(["ssh", "-G", ...options(command), "x"]);
  expect(stdout).toContain(`identityfile ${credentials}`);
  await expect(transportOf(spec("ssh://git@localhost/shop"))).rejects.toMatchObject({
    code: "source_invalid",
  });
});

/** As a shell takes them apart. */
function options(command: string): readonly string[] {
  return command
    .split(" ")
    .slice(1)
    .map((word) => word.replaceAll("'", ""));
}

test.each(["key", "/a b", "/a'b", "/$(x)", "/%h", "/a\nb"])(
  "%j is not the path of a file of credentials",
  (path) => {
    expect(() => requirePlainPath(path)).toThrow("is not one that Kiln takes");
  },
);

test("git reads no configuration of the machine, and no other transport than the one that is named", async () => {
  await using server = await forge((_, response) => dumb(response));
  await exec(["git", "init", "-q", base]);
  const call = { ...(await transportOf(spec(server.url))), signal };
  for (const other of [`file://${base}`, "ext::sh -c x", "https://127.0.0.1:1/x"]) {
    const { code, why } = await git(base, ["ls-remote", other], call);
    expect({ code, why }).toMatchObject({ code: 128, why: expect.stringContaining("not allowed") });
  }
  const { stdout } = await git(base, ["config", "--list", "--show-origin"], { signal });
  expect(stdout).not.toMatch(/\/etc\/gitconfig|\.gitconfig/);
  expect(readFileSync(join(base, ".git/HEAD"), "utf8")).toContain("ref:");
});
