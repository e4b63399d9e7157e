import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { exec } from "../../lib/process/exec.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { buildImage } from "../build.ts";
import { clientOf, httpServer } from "../registry/testing.ts";
import { putManifest, uploadBlob } from "../registry/upload.ts";
import { blobPath, ensureStore, imageStore, putBlob } from "../store/image-store.ts";
import { listImages, requireVersion } from "../store/images.ts";
import { mediaTypes } from "../store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";
import { pullImage } from "../transfer/pull.ts";
import { pushImage } from "../transfer/push.ts";
import { createDistribution, type ReceivedImage } from "./distribution.ts";

const missing = ["skopeo"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

/** The image store of a workshop as a registry on a port. */
async function served({ state }: Workshop) {
  const got: ReceivedImage[] = [];
  const distribution = createDistribution({
    state,
    clock: systemClock,
    received: (image) => got.push(image),
  });
  const { actor } = anAsker();
  const server = await httpServer((request, response) => {
    void distribution.exchange(request, response, async () => actor);
  });
  return {
    got,
    host: server.host,
    async [Symbol.asyncDispose]() {
      await distribution[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function build(shop: Workshop, text: string, image = {}) {
  shop.write("run", text, 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  return buildImage(serviceSpec({ files, ...image }), shop.options);
}

const quiet = () => {};

test("an image goes from one store to another, and its version names it there forever", async () => {
  using here = workshop();
  using there = workshop();
  await using registry = await served(there);
  const one = await build(here, "1");
  const push = (digest: string, tag: string) =>
    pushImage(imageStore(here.state), digest, clientOf(registry.host), tag, quiet);
  await push(one.digest, "1");
  await requireVersion(there.state, "shop", "1", one.digest);
  expect(registry.got).toEqual([{ service: "shop", version: "1", digest: one.digest }]);
  expect(await push(one.digest, "1")).toMatchObject({ sentBytes: 0 });
  expect(registry.got.length).toBe(1);
  const two = await build(here, "2");
  await expect(push(two.digest, "1")).rejects.toThrow(/status 409: Version 1 of shop is already/);
  expect((await listImages(there.state)).map(({ digest }) => digest)).toEqual([one.digest]);
  using third = workshop();
  const name = { service: "shop", version: "1" };
  const pulled = await pullImage(third.state, clientOf(registry.host, "shop:1"), name, quiet);
  expect(pulled).toMatchObject({ digest: one.digest, changed: true });
  await expect(clientOf(registry.host).manifest("9")).rejects.toMatchObject({ code: "image_unknown" });
});

test.skipIf(missing.length > 0)("skopeo reads from it and writes to it", async () => {
  using here = workshop();
  using there = workshop();
  await using registry = await served(there);
  const { digest } = await build(here, "1");
  const own = `oci:${here.state.images}:shop:1`;
  const to = `docker://${registry.host}/shop`;
  await exec(["skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", own, `${to}:1.0`]);
  expect(await listImages(there.state)).toMatchObject([{ service: "shop", version: "1.0", digest }]);
  const seen = JSON.parse((await exec(["skopeo", "inspect", "--tls-verify=false", `${to}:1.0`])).stdout);
  expect(seen).toMatchObject({ Digest: digest, RepoTags: ["1.0"] });
  const copy = join(here.folder, "copy");
  const out = `oci:${copy}:x`;
  await exec(["skopeo", "copy", "--preserve-digests", "--src-tls-verify=false", `${to}:1.0`, out]);
  using third = workshop();
  await using empty = await served(third);
  const zipped = `docker://${empty.host}/shop:1.0`;
  const compressed = await exec(["skopeo", "copy", "--dest-tls-verify=false", own, zipped], {
    accept: "any",
  });
  expect([compressed.code, compressed.stderr]).toEqual([1, expect.stringContaining("compressed")]);
});

test("what refers to an image is kept with it, and listed as its referrer", async () => {
  using here = workshop();
  using there = workshop();
  await using registry = await served(there);
  const { digest } = await build(here, "1");
  const client = clientOf(registry.host);
  await pushImage(imageStore(here.state), digest, client, "1", quiet);
  const store = imageStore(here.state);
  const config = await putBlob(store, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  await uploadBlob(client, { ...config, path: blobPath(store, config.digest) });
  const artifactType = "application/x-signature";
  const subject = { mediaType: mediaTypes.manifest, digest, size: 1 };
  const signature = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType,
    config,
    layers: [],
    subject,
  };
  const bytes = Buffer.from(JSON.stringify(signature));
  const stored = await putBlob(store, bytes, mediaTypes.manifest);
  await putManifest(client, stored.digest, { bytes, mediaType: mediaTypes.manifest });
  const answer = await fetch(`http://${registry.host}/v2/shop/referrers/${digest}`);
  expect(await answer.json()).toMatchObject({ manifests: [{ digest: stored.digest, artifactType }] });
  expect((await listImages(there.state)).length).toBe(1);
});

const zeros = `sha256:${"0".repeat(64)}`;
test.each([
  ["PUT", "/v2/shop/manifests/1", "{", 400, "MANIFEST_INVALID"],
  ["PUT", `/v2/shop/manifests/${zeros}`, "{}", 400, "MANIFEST_INVALID"],
  ["PUT", "/v2/shop/manifests/1", "x".repeat((4 << 20) + 1), 413, "SIZE_INVALID"],
  [
    "PUT",
    "/v2/shop/manifests/1",
    JSON.stringify({ layers: [], config: { mediaType: "x", digest: zeros, size: 2 } }),
    404,
    "MANIFEST_BLOB_UNKNOWN",
  ],
  ["POST", `/v2/shop/blobs/uploads/?digest=${zeros}`, "other bytes", 400, "DIGEST_INVALID"],
  ["PATCH", "/v2/shop/blobs/uploads/none", "x", 404, "BLOB_UPLOAD_UNKNOWN"],
  ["GET", "/v2/shop/blobs/sha256:..%2F..%2Findex.json", undefined, 404, "BLOB_UNKNOWN"],
  ["GET", "/v2/shop/manifests/..%2f..%2findex.json", undefined, 404, "MANIFEST_UNKNOWN"],
  ["GET", "/v2/Shop/manifests/1", undefined, 404, "NAME_INVALID"],
  ["DELETE", "/v2/shop/manifests/1", undefined, 405, "UNSUPPORTED"],
])("%s %s is refused", async (method, path, body, status, code) => {
  using there = workshop();
  await using registry = await served(there);
  const answer = await fetch(`http://${registry.host}${path}`, { method, ...(body ? { body } : {}) });
  expect([answer.status, await answer.json()]).toMatchObject([status, { errors: [{ code }] }]);
  expect(await listImages(there.state)).toEqual([]);
});

test("what is too large for a manifest is not read as one", async () => {
  using there = workshop();
  await using registry = await served(there);
  const store = imageStore(there.state);
  await ensureStore(store);
  const layer = await putBlob(store, Buffer.alloc((4 << 20) + 1), mediaTypes.layer);
  const base = `http://${registry.host}/v2/shop/manifests`;
  expect((await fetch(`${base}/${layer.digest}`)).status).toBe(404);
  const config = { mediaType: mediaTypes.config, digest: layer.digest, size: layer.size };
  const body = JSON.stringify({ schemaVersion: 2, layers: [], config });
  const answer = await fetch(`${base}/1`, { method: "PUT", body });
  expect(await answer.json()).toMatchObject({ errors: [{ message: expect.stringContaining("too large") }] });
});

test("a chunked upload continues where it is, and nowhere else", async () => {
  using there = workshop();
  await ensureStore(imageStore(there.state));
  await using registry = await served(there);
  const base = `http://${registry.host}`;
  const begun = await fetch(`${base}/v2/shop/blobs/uploads/`, { method: "POST" });
  const session = `${base}${begun.headers.get("location")}`;
  const patch = (range: string, body: string) =>
    fetch(session, { method: "PATCH", body, headers: { "content-range": range } });
  expect((await patch("0-4", "hello")).headers.get("range")).toBe("0-4");
  expect((await patch("3-4", "xx")).status).toBe(416);
  expect((await fetch(session)).headers.get("range")).toBe("0-4");
  const { digest } = await putBlob(imageStore(there.state), Buffer.from("hello world"), "text/plain");
  const done = await fetch(`${session}?digest=${digest}`, { method: "PUT", body: " world" });
  expect([done.status, done.headers.get("docker-content-digest")]).toEqual([201, digest]);
  expect((await fetch(session)).status).toBe(404);
  const part = await fetch(`${base}/v2/shop/blobs/${digest}`, { headers: { range: "bytes=6-" } });
  expect([part.status, await part.text()]).toEqual([206, "world"]);
});
