import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Client,
  type ClientOptions,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newCertificate } from "./certificate.ts";
import type { Provider } from "./provider.ts";
import { serve } from "./serve.ts";
import { writeObject } from "./values.ts";

const cookie = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
const schema = { description: "", attributes: {} };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A plugin whose applies never end, and what Terraform does with it. */
async function plugin() {
  const own = newCertificate(Date.now());
  const [line, applying] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()];
  const said: string[] = [];
  const resource = {
    ...{ schema, read: async () => undefined, find: async () => ({}), remove: async () => {} },
    foresee: async () => ({ changes: true }),
    make: () => {
      applying.resolve();
      return new Promise<never>(() => {});
    },
  };
  const provider: Provider = {
    schema,
    configure: () => ({ resources: { kiln_thing: resource }, dataSources: {} }),
    stop: () => void said.push("stop"),
  };
  const served = serve(provider, {
    env: {
      TF_PLUGIN_MAGIC_COOKIE: cookie,
      PLUGIN_CLIENT_CERT: own.certificate,
      PLUGIN_UNIX_SOCKET_DIR: folder,
    },
    ...{ nowMs: Date.now(), write: line.resolve },
  });
  const [, , , socket = "", , der = ""] = (await line.promise).trim().split("|");
  const authority = pem(der);
  return {
    ...{ served, applying, said, socket, authority },
    known: credentials.createSsl(authority, Buffer.from(own.key), Buffer.from(own.certificate)),
  };
}

/** The handshake has no padding, and PEM has. */
function pem(der: string): Buffer {
  const base64 = Buffer.from(der, "base64").toString("base64");
  return Buffer.from(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
}

/** The address of a socket has no host name; the certificate is for this one. */
const options: ClientOptions = { "grpc.ssl_target_name_override": "localhost" };

function ask(client: Client, file: string, name: readonly [string, string, string], asked: object) {
  const [packageName, serviceName, method] = name;
  const path = fileURLToPath(new URL(`wire/${file}`, import.meta.url));
  const loaded = loadPackageDefinition(loadSync(path, { keepCase: true }));
  const { service } = (loaded[packageName] as GrpcObject)[serviceName] as ServiceClientConstructor;
  const definition = service[method];
  if (definition === undefined) throw new Error(`There is no ${method}.`);
  return new Promise<unknown>((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = definition;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, asked, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

const schemaCall = ["tfplugin6", "Provider", "GetProviderSchema"] as const;
const applyCall = ["tfplugin6", "Provider", "ApplyResourceChange"] as const;
const shutdownCall = ["plugin", "GRPCController", "Shutdown"] as const;

test("an end that Terraform asks for amid an apply stops it, and leaves nothing", async () => {
  const { served, applying, said, socket, known } = await plugin();
  const client = new Client(`unix:${socket}`, known, options);
  const [wanted, prior_state] = [writeObject({}), writeObject(undefined)];
  const apply = ask(client, "tfplugin6.proto", applyCall, { type_name: "kiln_thing", wanted, prior_state });
  const broken = apply.then(String, String);
  await Promise.race([applying.promise, broken]);
  await ask(client, "go-plugin.proto", shutdownCall, {});
  await served;
  expect(await broken).toMatch(/CANCELLED|UNAVAILABLE/);
  client.close();
  expect([said, readdirSync(folder)]).toEqual([["stop"], []]);
}, 60_000);

test("only Terraform is answered: its certificate is asked for, and others cannot reach the socket", async () => {
  const { served, socket, known, authority } = await plugin();
  expect(statSync(dirname(socket)).mode & 0o077).toBe(0);
  const stranger = newCertificate(Date.now());
  const keys = [Buffer.from(stranger.key), Buffer.from(stranger.certificate)] as const;
  for (const other of [credentials.createSsl(authority), credentials.createSsl(authority, ...keys)]) {
    const client = new Client(`unix:${socket}`, other, options);
    await expect(ask(client, "tfplugin6.proto", schemaCall, {})).rejects.toThrow();
    client.close();
  }
  const client = new Client(`unix:${socket}`, known, options);
  expect(await ask(client, "tfplugin6.proto", schemaCall, {})).toHaveProperty("resource_schemas");
  await ask(client, "go-plugin.proto", shutdownCall, {});
  await served;
  client.close();
}, 60_000);
