import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemClock } from "../../lib/time/clock.ts";
import { parseReference, type Reference } from "./reference.ts";
import { Registry, type RegistryOptions } from "./registry.ts";

/** For tests: a server on this machine that answers as the test says. */
export async function httpServer(
  listener: RequestListener,
): Promise<AsyncDisposable & { readonly host: string }> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The user of a registry with a password, and the line of htpasswd(5) for it. */
export const registryUser = {
  name: "ann",
  password: "s:cret pw",
  line: "ann:$2y$05$abcdefghijklmnopqrstuuyfs.V0St3XDnW.LRrEFRIt2ch5yDhsm",
};

/** A real registry, Debian's docker-registry, with its data below `folder`. */
export async function dockerRegistry(
  folder: string,
  how: { readonly login?: boolean; readonly behindProxy?: boolean } = {},
): Promise<AsyncDisposable & { readonly host: string }> {
  mkdirSync(folder, { recursive: true });
  const users = join(folder, "htpasswd");
  writeFileSync(users, `${registryUser.line}\n`);
  const config = {
    version: 0.1,
    log: { level: "info", formatter: "json", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    // It does not know by which name and scheme clients have come through a proxy.
    http: { addr: "127.0.0.1:0", relativeurls: how.behindProxy ?? false },
    ...(how.login ? { auth: { htpasswd: { realm: "kiln", path: users } } } : {}),
  };
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines = createInterface(child.stderr);
  const listening = Promise.withResolvers<string>();
  lines.on("line", (line) => {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address) listening.resolve(address);
  });
  child.once("exit", (code) => listening.reject(new Error(`docker-registry ended with ${code}`)));
  return {
    host: await listening.promise,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

export function referenceTo(text: string): Reference {
  const reference = parseReference(text);
  if (reference === undefined) throw new Error(`${text} is not a reference`);
  return reference;
}

/** A client without credentials, of a registry at this host. */
export function clientOf(host: string, name = "shop:1", options: Partial<RegistryOptions> = {}): Registry {
  return new Registry(referenceTo(`http://${host}/${name}`), {
    env: {},
    clock: systemClock,
    signal: new AbortController().signal,
    credentials: async () => undefined,
    ...options,
  });
}
