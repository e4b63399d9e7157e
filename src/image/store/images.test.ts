import assert from "node:assert";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { buildImage } from "../build.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";
import { collectGarbage } from "./collect-garbage.ts";
import {
  changeIndex,
  hasBlob,
  imageStore,
  putBlob,
  readDescriptors,
  readManifest,
  withStoreLock,
} from "./image-store.ts";
import { listImages, removeImage, requireVersion, resolveImage } from "./images.ts";
import { annotations, type Descriptor, mediaTypes } from "./oci-types.ts";
import { useResult } from "./unused-results.ts";

async function build(shop: Workshop, text: string, image = {}) {
  shop.write("run", text, 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  return buildImage(serviceSpec({ files, ...image }), shop.options);
}

const everything = { inUse: () => new Set<string>(), minAgeMs: 0, nowMs: Date.now() + 60_000 };

test("images are found by version, digest and the digest's first digits", async () => {
  using shop = workshop();
  const one = await build(shop, "1");
  const two = await build(shop, "2", { version: "2.0" });
  expect((await listImages(shop.state)).map(({ version }) => version)).toEqual(["1", "2.0"]);
  expect(await resolveImage(shop.state, "shop", "2.0")).toMatchObject({
    digest: two.digest,
    bytes: two.bytes,
  });
  expect(await resolveImage(shop.state, "shop", one.digest)).toMatchObject({ version: "1" });
  expect(await resolveImage(shop.state, "shop", one.digest.slice(7, 19))).toMatchObject({ version: "1" });
  await expect(resolveImage(shop.state, "shop", "2.1")).rejects.toMatchObject({
    code: "image_unknown",
    hint: 'Did you mean "2.0"?',
  });
  await expect(resolveImage(shop.state, "shpo", "1")).rejects.toMatchObject({ hint: 'Did you mean "shop"?' });
});

test("a used image stays; a removed version stays given", async () => {
  using shop = workshop();
  const one = await build(shop, "1");
  const used = removeImage(shop.state, "shop", "1", () => new Map([[one.digest, ["shop release 3"]]]));
  await expect(used).rejects.toMatchObject({ code: "image_in_use" });
  await removeImage(shop.state, "shop", "1", () => new Map());
  expect(await listImages(shop.state)).toEqual([]);
  expect(await build(shop, "2")).toMatchObject({ version: "2" });
  await expect(build(shop, "2", { version: "1" })).rejects.toMatchObject({ code: "version_taken" });
  expect(await build(shop, "1", { version: "1" })).toMatchObject({ digest: one.digest });
});

test("garbage is what no kept release and no service's newest image needs", async () => {
  using shop = workshop();
  const [one, two, three] = [await build(shop, "1"), await build(shop, "2"), await build(shop, "3")];
  const blobs = () => readdirSync(join(shop.state.images, "blobs/sha256"));
  expect(await collectGarbage(shop.state, { ...everything, minAgeMs: 3_600_000 })).toMatchObject({
    files: 0,
  });
  const collected = await collectGarbage(shop.state, { ...everything, inUse: () => new Set([one.digest]) });
  expect(collected.images).toEqual([{ service: "shop", version: "2", digest: two.digest }]);
  expect(collected.bytes).toBeGreaterThan(two.bytes);
  expect(blobs()).toHaveLength(6);
  expect(existsSync(join(shop.state.images, "blobs/sha256", two.digest.slice(7)))).toBe(false);
  expect((await listImages(shop.state)).map(({ digest }) => digest)).toEqual([one.digest, three.digest]);
  expect(await build(shop, "2")).toMatchObject({ digest: two.digest, version: "2" });
});

test("results that no build has used for 30 days are garbage, but for one that a build has just asked for", async () => {
  using shop = workshop();
  await build(shop, "1");
  const nowMs = Date.now();
  const old = new Date(nowMs - 31 * 86_400_000);
  const put = (path: string, usedAt: Date) => {
    const whole = join(shop.state.cache, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, "12345");
    for (const one of [whole, dirname(whole)]) utimesSync(one, usedAt, usedAt);
    return whole;
  };
  const recent = put("packer/results/b/base", new Date(nowMs - 29 * 86_400_000));
  const gone = [
    put("packages/installed/one.tar", old),
    put("dockerfile/a/base", old),
    put("packer/asked/one", old),
  ];
  const asked = put("packages/installed/two.tar", old);
  expect(await useResult(asked)).toBe(true);
  const collected = await collectGarbage(shop.state, { ...everything, minAgeMs: 3_600_000, nowMs });
  expect(collected).toMatchObject({ images: [], files: 3, bytes: 15 });
  expect(gone.filter((path) => existsSync(path))).toEqual([]);
  expect([asked, recent].every((path) => existsSync(path))).toBe(true);
  expect(await useResult(gone[0] ?? "")).toBe(false);
});

test("builds at the same time each get their version", async () => {
  using shop = workshop();
  const texts = ["a", "b", "c", "d", "e", "f"];
  const built = await Promise.all(
    texts.map((text) => {
      shop.write(text, text, 0o755);
      const files = [{ from: join(shop.project, text), to: "/run", mode: undefined, owner: undefined }];
      return buildImage(serviceSpec({ files }), shop.options);
    }),
  );
  expect(built.map(({ version }) => version).sort()).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(await listImages(shop.state)).toHaveLength(6);
});

/** Puts an artifact into the index as other tools do: by `subject`, and by a tag made of the digest. */
async function attach(shop: Workshop, subject: Descriptor, tag?: string): Promise<Descriptor> {
  const store = imageStore(shop.state);
  const empty = await putBlob(store, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const layer = await putBlob(store, Buffer.from(`signature of ${subject.digest}${tag}`), "text/plain");
  const content = { schemaVersion: 2, mediaType: mediaTypes.manifest, config: empty, layers: [layer] };
  const manifest = tag === undefined ? { ...content, subject } : content;
  const stored = await putBlob(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest);
  const name = tag === undefined ? {} : { annotations: { [annotations.refName]: tag } };
  const descriptor = { ...stored, ...name, artifactType: "application/vnd.example" };
  await withStoreLock(store, () => changeIndex(store, (all) => [...all, descriptor]));
  return descriptor;
}

test("what other tools attach to an image outlives builds, and goes with the image", async () => {
  using shop = workshop();
  const one = await build(shop, "1");
  const store = imageStore(shop.state);
  const [image] = await readDescriptors(store);
  assert(image);
  const signature = await attach(shop, image);
  const countersignature = await attach(shop, signature);
  const tagged = await attach(shop, image, `sha256-${one.digest.slice("sha256:".length)}.sig`);
  const foreign = await attach(shop, image, "registry.example:5000/team/other:1");
  await build(shop, "2");
  await collectGarbage(shop.state, { ...everything, inUse: () => new Set([one.digest]) });
  expect(await readDescriptors(store)).toEqual(
    expect.arrayContaining([signature, countersignature, tagged, foreign]),
  );
  expect((await listImages(shop.state)).map(({ version }) => version)).toEqual(["1", "2"]);
  const collected = await collectGarbage(shop.state, everything);
  expect(collected.images).toMatchObject([{ version: "1" }]);
  expect((await readDescriptors(store)).map(({ digest }) => digest)).not.toContain(countersignature.digest);
  expect(await readDescriptors(store)).toHaveLength(2);
  expect(hasBlob(store, signature.digest, signature.size)).toBe(false);
  expect(hasBlob(store, foreign.digest, foreign.size)).toBe(true);
});

test("an index of several images is listed with the size of all, kept whole, and never started", async () => {
  using shop = workshop();
  const one = await build(shop, "1");
  const store = imageStore(shop.state);
  const [image] = await readDescriptors(store);
  assert(image);
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [image] }));
  const named = {
    ...(await putBlob(store, index, mediaTypes.index)),
    annotations: { [annotations.refName]: "shop:all" },
  };
  await withStoreLock(store, () => changeIndex(store, () => [named]));
  expect(await listImages(shop.state)).toMatchObject([{ version: "all", bytes: one.bytes }]);
  await collectGarbage(shop.state, everything);
  expect(hasBlob(store, one.digest, image.size)).toBe(true);
  expect(() => readManifest(store, named.digest)).toThrow("is an index of several images");
});

test("a version belongs to one image only", async () => {
  using shop = workshop();
  const one = await build(shop, "1");
  const two = await build(shop, "2");
  await requireVersion(shop.state, "shop", "1", one.digest);
  const claims = (version: string) => requireVersion(shop.state, "shop", version, two.digest);
  await expect(claims("1")).rejects.toMatchObject({ code: "version_taken" });
  await expect(claims("9")).rejects.toMatchObject({ code: "image_unknown" });
});
