import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildImage } from "./build.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { listImages, removeImage, resolveImage } from "./images.ts";
import { serviceSpec, type Workshop, workshop } from "./test-kit.ts";

async function build(shop: Workshop, text: string, image = {}) {
  shop.write("run", text, 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  return buildImage(serviceSpec({ files, ...image }), shop.options);
}

const everything = { keepDigests: new Set<string>(), minAgeMs: 0, nowMs: Date.now() + 60_000 };

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
  const used = removeImage(shop.state, "shop", "1", new Map([[one.digest, ["shop release 3"]]]));
  await expect(used).rejects.toMatchObject({ code: "image_in_use" });
  await removeImage(shop.state, "shop", "1", new Map());
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
  const collected = await collectGarbage(shop.state, { ...everything, keepDigests: new Set([one.digest]) });
  expect(collected.images).toEqual([{ service: "shop", version: "2", digest: two.digest }]);
  expect(collected.bytes).toBeGreaterThan(two.bytes);
  expect(blobs()).toHaveLength(6);
  expect(existsSync(join(shop.state.images, "blobs/sha256", two.digest.slice(7)))).toBe(false);
  expect((await listImages(shop.state)).map(({ digest }) => digest)).toEqual([one.digest, three.digest]);
  expect(await build(shop, "2")).toMatchObject({ digest: two.digest, version: "2" });
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
