import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { digestOf } from "../../lib/files/sha256.ts";
import { exec } from "../../lib/process/exec.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { downloadBlob } from "./download.ts";
import { Registry } from "./registry.ts";
import { clientOf, dockerRegistry, referenceTo, registryUser } from "./testing.ts";
import { putManifest, uploadBlob } from "./upload.ts";

const missing = ["docker-registry"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync("/tmp/kiln-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test("a registry with TLS is believed only with a certificate of a known authority", async () => {
  using here = folder();
  const [key, certificate] = [join(here.path, "key.pem"), join(here.path, "cert.pem")];
  const subject = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
  const made = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-keyout",
    key,
    "-out",
    certificate,
  ];
  await exec(["openssl", "req", "-x509", "-nodes", "-days", "2", ...subject, ...made]);
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_, response) => {
    response.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = { ...systemClock, sleep: async () => {} };
  const client = () =>
    new Registry(referenceTo(`${host}/shop:1`), {
      ...{ env: {}, clock, signal: AbortSignal.timeout(60_000), certificates: [here.path] },
      credentials: async () => undefined,
    });
  await expect(client().manifest("1")).rejects.toMatchObject({
    code: "registry_unreachable",
    hint: expect.stringContaining(`/etc/containers/certs.d/${host}/ca.crt`),
  });
  mkdirSync(join(here.path, host));
  copyFileSync(certificate, join(here.path, host, "ca.crt"));
  expect(await client().manifest("1")).toMatchObject({ digest: digestOf("{}") });
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

test.skipIf(missing.length > 0)(
  "a real registry takes blobs and a manifest, and gives them back",
  async () => {
    using here = folder();
    await using real = await dockerRegistry(join(here.path, "registry"), { login: true });
    const path = join(here.path, "config");
    writeFileSync(path, "{}".padEnd(300_000));
    const size = statSync(path).size;
    const config = { digest: digestOf(readFileSync(path)), size, path };
    const credentials = async () =>
      ({ kind: "password", user: registryUser.name, password: registryUser.password }) as const;
    const client = clientOf(real.host, "team/shop:1", { credentials });
    expect(await uploadBlob(client, config)).toBe(true);
    expect(await uploadBlob(client, config)).toBe(false);
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const descriptor = { mediaType: "application/vnd.oci.image.config.v1+json", digest: config.digest, size };
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType, config: descriptor, layers: [] }, null, 3),
    );
    await putManifest(client, "1", { bytes, mediaType });
    expect(await client.manifest("1")).toEqual({ bytes, mediaType, digest: digestOf(bytes) });
    expect(await client.manifest(digestOf(bytes))).toMatchObject({ digest: digestOf(bytes) });
    const copy = join(here.path, "copy");
    writeFileSync(`${copy}.part`, readFileSync(path).subarray(0, 1000));
    await downloadBlob(client, config, copy);
    expect(readFileSync(copy).equals(readFileSync(path))).toBe(true);
    await expect(client.manifest("2")).rejects.toMatchObject({ code: "image_unknown" });
    const stranger = clientOf(real.host, "team/shop:1");
    await expect(stranger.manifest("1")).rejects.toMatchObject({ code: "registry_denied" });
  },
);
