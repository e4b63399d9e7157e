import { join } from "node:path";
import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { buildImage } from "../../image/build.ts";
import { changeIndex, imageStore, putBlob, withStoreLock } from "../../image/store/image-store.ts";
import { mediaTypes } from "../../image/store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../../image/test-kit.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { aDraft, aStore, deployed } from "../../store/testing.ts";
import { createImageOperations } from "./operations.ts";

async function build(shop: Workshop, text: string, image = {}) {
  shop.write("run", text, 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  return buildImage(serviceSpec({ files, ...image }), shop.options);
}

const who = { actor: anAsker().actor };

test("images are listed with their users, pinned and removed, and each change is in the event log", async () => {
  using shop = workshop();
  using kept = aStore();
  const one = await build(shop, "1");
  await build(shop, "2");
  deployed(kept.store, aDraft(1, { image: one.digest }));
  const images = createImageOperations({ store: kept.store, state: shop.state, clock: systemClock });
  expect(await images.images({})).toMatchObject([
    { service: "shop", version: "1", digest: one.digest, pinned: false, usedBy: ["shop release 1"] },
    { version: "2", usedBy: [] },
  ]);
  expect(await images.images({ service: "cart" })).toEqual([]);
  const change = (version: string) => ({ service: "shop", version, reason: "an audit" });
  await expect(images.removeImage(change("1"), who)).rejects.toMatchObject({ code: "image_in_use" });
  await images.pinImage(change("2"), who);
  await images.pinImage(change("2"), who); // already so: nothing happens
  await expect(images.removeImage(change("2"), who)).rejects.toMatchObject({ code: "image_in_use" });
  await images.unpinImage(change("2"), who);
  await images.removeImage(change("2"), who);
  await expect(images.pinImage(change("2"), who)).rejects.toMatchObject({ code: "image_unknown" });
  const events = kept.store.events().filter(({ kind }) => kind.startsWith("image."));
  expect(events).toMatchObject([
    { service: "shop", kind: "image.pinned", data: { version: "2", reason: "an audit", actor: who.actor } },
    { kind: "image.unpinned" },
    { kind: "image.removed" },
  ]);
  expect(events[2]?.message).toContain("removed the image shop:2: an audit");
});

test("garbage leaves pinned images, and its removals are in the event log", async () => {
  using shop = workshop();
  using kept = aStore();
  for (const text of ["1", "2", "3"]) await build(shop, text);
  const anHourLater = { ...systemClock, now: () => Date.now() + 3_600_000 };
  const images = createImageOperations({ store: kept.store, state: shop.state, clock: anHourLater });
  await images.pinImage({ service: "shop", version: "1" }, who);
  const collected = await images.collectImages({}, who);
  expect(collected.images.map(({ version }) => version)).toEqual(["2"]);
  expect(collected.bytes).toBeGreaterThan(0);
  expect(kept.store.events().at(-1)).toMatchObject({ kind: "image.removed", data: { version: "2" } });
});

test("what a release begins to use while garbage waits for the store stays", async () => {
  using shop = workshop();
  using kept = aStore();
  const built = [];
  for (const text of ["1", "2", "3"]) built.push(await build(shop, text));
  const anHourLater = { ...systemClock, now: () => Date.now() + 3_600_000 };
  const images = createImageOperations({ store: kept.store, state: shop.state, clock: anHourLater });
  const used = built[0]?.digest ?? "";
  const { collecting, removing } = await withStoreLock(imageStore(shop.state), async () => {
    const collecting = images.collectImages({}, who);
    const removing = images.removeImage({ service: "shop", version: "1" }, who);
    removing.catch(() => {});
    await new Promise(setImmediate); // both wait for the lock
    deployed(kept.store, aDraft(1, { image: used }));
    return { collecting, removing };
  });
  expect((await collecting).images.map(({ version }) => version)).toEqual(["2"]);
  await expect(removing).rejects.toMatchObject({ code: "image_in_use" });
});

test("an image shows its layers, its configuration and what is attached to it", async () => {
  using shop = workshop();
  using kept = aStore();
  const { digest } = await build(shop, "1", { env: { A: "b" }, user: "7:8" });
  const store = imageStore(shop.state);
  const manifest = {
    ...{
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: "application/x-signature",
      layers: [],
    },
    config: await putBlob(store, Buffer.from("{}"), "application/vnd.oci.empty.v1+json"),
    subject: { mediaType: mediaTypes.manifest, digest, size: 1 },
  };
  const attached = await putBlob(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest);
  await withStoreLock(store, () => changeIndex(store, (all) => [...all, attached]));
  const images = createImageOperations({ store: kept.store, state: shop.state, clock: systemClock });
  expect(await images.image({ digest })).toMatchObject({
    ...{ digest, names: ["shop:1"], os: "linux", user: "7:8", command: ["/run"] },
    layers: [{ name: "files" }],
    env: expect.arrayContaining(["A=b"]),
    attached: [{ digest: attached.digest, type: "application/x-signature" }],
  });
  await expect(images.image({ digest: "nonsense" })).rejects.toMatchObject({ code: "image_unknown" });
  await expect(images.image({ digest: attached.digest })).rejects.toMatchObject({ code: "image_invalid" });
});
