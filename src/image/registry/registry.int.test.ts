import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { digestOf } from "../../lib/files/sha256.ts";
import { downloadBlob } from "./download.ts";
import { clientOf, dockerRegistry, registryUser } from "./testing.ts";
import { putManifest, uploadBlob } from "./upload.ts";

const missing = ["docker-registry"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync("/tmp/kiln-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

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
