import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { buildImage } from "../build.ts";
import { clientOf, dockerRegistry } from "../registry/testing.ts";
import { putManifest } from "../registry/upload.ts";
import { hostArchitecture, mediaTypes } from "../store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";

const missing = ["docker-registry", "skopeo"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

const run = { from: "run", to: "/run", mode: undefined, owner: undefined };

/** Builds an image that has this text in a file, and pushes it with skopeo, which compresses its layers. */
async function pushed(shop: Workshop, name: string, text: string): Promise<void> {
  shop.write("run", "#!/run\n", 0o755);
  shop.write("text", text);
  const files = [run, { ...run, from: "text", to: "/text" }].map((file) => {
    return { ...file, from: join(shop.project, file.from) };
  });
  const { version } = await buildImage(serviceSpec({ files }), shop.options);
  const from = `oci:${shop.state.images}:shop:${version}`;
  await exec(["skopeo", "copy", "--dest-tls-verify=false", from, `docker://${name}`]);
}

function build(shop: Workshop, reference: string, how: { readonly updateLock?: boolean } = {}) {
  const spec = serviceSpec({ from: { kind: "registry", reference }, command: undefined });
  const findPlace = async () => ({ file: "kiln.yaml", line: 3, column: 9 });
  return buildImage(spec, { ...shop.options, ...how, findPlace });
}

const lockOf = (shop: Workshop) => JSON.parse(readFileSync(join(shop.project, "kiln.lock"), "utf8"));

test.skipIf(missing.length > 0)("a tag is pinned, and from then on needs no registry", async () => {
  using maker = workshop();
  using shop = workshop();
  const real = await dockerRegistry(join(maker.folder, "registry"));
  const reference = `http://${real.host}/team/base:1`;
  await pushed(maker, `${real.host}/team/base:1`, "one");
  const first = await build(shop, reference);
  expect(first.layers.map(({ name }) => name)).toEqual(["base"]);
  const pinned = (await clientOf(real.host, "team/base:1").manifest("1")).digest;
  expect(lockOf(shop)).toEqual({ version: 1, bases: { [reference]: pinned }, services: {} });
  await pushed(maker, `${real.host}/team/base:1`, "two");
  expect(await build(shop, reference)).toMatchObject({ digest: first.digest, changed: false });
  const second = await build(shop, reference, { updateLock: true });
  expect(second.digest).not.toBe(first.digest);
  expect(lockOf(shop).bases[reference]).not.toBe(pinned);
  await real[Symbol.asyncDispose]();
  rmSync(join(shop.state.cache, "builds"), { recursive: true });
  expect(await build(shop, reference)).toMatchObject({ digest: second.digest });
});

test.skipIf(missing.length > 0)(
  "of an index, the image of this machine's architecture is taken",
  async () => {
    using maker = workshop();
    using shop = workshop();
    await using real = await dockerRegistry(join(maker.folder, "registry"));
    await pushed(maker, `${real.host}/base:one`, "one");
    const client = clientOf(real.host, "base:1");
    const { bytes, digest, mediaType } = await client.manifest("one");
    const own = {
      mediaType,
      digest,
      size: bytes.length,
      platform: { os: "linux", architecture: hostArchitecture() },
    };
    const other = { ...own, platform: { os: "linux", architecture: "s390x" } };
    const attestation = { ...own, platform: { os: "unknown", architecture: "unknown" } };
    const put = async (tag: string, manifests: readonly object[]) => {
      const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
      await putManifest(client, tag, { bytes: Buffer.from(index), mediaType: mediaTypes.index });
    };
    await put("1", [other, own, attestation]);
    const plain = await build(shop, `http://${real.host}/base@${digest}`);
    expect(await build(shop, `http://${real.host}/base:1`)).toMatchObject({
      contentDigest: plain.contentDigest,
    });
  },
);

test.skipIf(missing.length > 0)("faults are placed at image.from", async () => {
  using shop = workshop();
  await using real = await dockerRegistry(join(shop.folder, "registry"), { login: true });
  const fault = (reference: string) => build(shop, reference).catch((error: unknown) => error);
  const problems = [{ place: { file: "kiln.yaml", line: 3, column: 9 } }];
  expect(await fault(`http://${real.host}/base:1`)).toMatchObject({ code: "registry_denied", problems });
  expect(await fault("registry.invalid/base:1")).toMatchObject({ code: "registry_unreachable", problems });
  await using open = await dockerRegistry(join(shop.folder, "open"));
  expect(await fault(`http://${open.host}/base:1`)).toMatchObject({ code: "image_unknown", problems });
  using maker = workshop();
  await pushed(maker, `${open.host}/base:1`, "one");
  const client = clientOf(open.host, "base:1");
  const { bytes, digest, mediaType } = await client.manifest("1");
  const platform = { os: "linux", architecture: "s390x" };
  const index = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: mediaTypes.index },
    manifests: [{ mediaType, digest, size: bytes.length, platform }],
  });
  await putManifest(client, "foreign", { bytes: Buffer.from(index), mediaType: mediaTypes.index });
  const foreign = await fault(`http://${open.host}/base:foreign`);
  expect(foreign).toMatchObject({ code: "image_unknown", problems });
  expect(String(foreign)).toContain("only for linux/s390x");
});
