import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { KilnError } from "../lib/errors.ts";
import { handlersOf } from "./calls.ts";
import { newCertificate } from "./certificate.ts";
import type { Provider } from "./provider.ts";

/** Who starts a plugin of Terraform or OpenTofu says so with this (hashicorp/terraform, internal/plugin6/serve.go). */
const cookie = {
  name: "TF_PLUGIN_MAGIC_COOKIE",
  value: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
};
/** The version of the handshake, and of the plugin protocol. */
const versions = { handshake: 1, protocol: 6 };
const lookMs = 500;
/** Terraform kills a plugin 2 s after it has asked for its end (hashicorp/go-plugin, client.go). */
const graceMs = 1_000;

export interface PluginProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
  /** Takes the line of the handshake. */
  write(line: string): void;
}

/**
 * Serves a provider to the Terraform that has started this process, until that asks for the end or has ended. The server listens at a Unix socket in a folder of
 * its own, and both sides know each other by a certificate. Throws `usage` when something else has started it.
 */
export async function serve(provider: Provider, { env, nowMs, write }: PluginProcess): Promise<void> {
  const client = requireClient(env);
  const own = newCertificate(nowMs);
  const folder = await mkdtemp(join(env.PLUGIN_UNIX_SOCKET_DIR || tmpdir(), "kiln-terraform-"));
  const socket = join(folder, "socket");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove); // a second Ctrl-C ends the process at once
  const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  try {
    const ended = Promise.withResolvers<void>();
    addServices(server, provider, ended.resolve);
    const keys = [{ private_key: Buffer.from(own.key), cert_chain: Buffer.from(own.certificate) }];
    await listen(server, socket, ServerCredentials.createSsl(Buffer.from(client), keys, true));
    const shown = own.der.toString("base64").replace(/=+$/, "");
    write(`${versions.handshake}|${versions.protocol}|unix|${socket}|grpc|${shown}\n`);
    await Promise.race([ended.promise, parentIsGone(ended.promise)]);
    provider.stop(); // nothing that is still under way has someone to tell
    await shutDown(server);
  } finally {
    server.forceShutdown();
    process.off("exit", remove);
    remove();
  }
}

/** The certificate by which Terraform is known, in PEM. */
function requireClient(env: PluginProcess["env"]): string {
  if (env[cookie.name] !== cookie.value)
    throw new KilnError("usage", "Terraform and OpenTofu start this command: it is their plugin.", {
      hint: "`kiln terraform-provider install` shows how they find it.",
    });
  if (env.PLUGIN_CLIENT_CERT) return env.PLUGIN_CLIENT_CERT;
  throw new KilnError("usage", "What has started this plugin of Terraform gave it no certificate.", {
    hint: "Terraform 1.0 and OpenTofu 1.6 do, and later ones.",
  });
}

function listen(server: Server, socket: string, credentials: ServerCredentials): Promise<unknown> {
  return new Promise((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, credentials, (error, port) => (error ? reject(error) : resolve(port))),
  );
}

/** Answers that are under way have a moment. */
async function shutDown(server: Server): Promise<void> {
  const grace = new AbortController();
  const answered = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const waited = delay(graceMs, undefined, { signal: grace.signal }).catch(() => {});
  await Promise.race([answered, waited]);
  grace.abort();
}

/** A Terraform that was killed asks for nothing any more. */
async function parentIsGone(ended: Promise<void>): Promise<void> {
  const parent = process.ppid;
  let waits = true;
  void ended.then(() => {
    waits = false;
  });
  while (waits && process.ppid === parent) await delay(lookMs);
}

function addServices(server: Server, provider: Provider, end: () => void): void {
  const answers = Object.entries(handlersOf(provider)).map(([name, answer]) => [name, unary(answer)]);
  server.addService(
    service("tfplugin6.proto", "tfplugin6", "Provider"),
    Object.fromEntries(answers) as UntypedServiceImplementation,
  );
  const shutdown = async () => {
    end();
    return {};
  };
  server.addService(service("go-plugin.proto", "plugin", "GRPCController"), { Shutdown: unary(shutdown) });
}

function service(file: string, packageName: string, name: string) {
  const path = fileURLToPath(new URL(`wire/${file}`, import.meta.url));
  const loaded = loadPackageDefinition(loadSync(path, { keepCase: true, longs: Number, enums: String }));
  return ((loaded[packageName] as GrpcObject)[name] as ServiceClientConstructor).service;
}

function unary(answer: (asked: never) => Promise<object>) {
  return ({ request }: { readonly request: unknown }, done: sendUnaryData<object>) => {
    answer(request as never).then(
      (given) => done(null, given),
      (error) => done(error instanceof Error ? error : new Error(String(error))),
    );
  };
}
