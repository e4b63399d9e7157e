import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { TestInstallation } from "../testing.ts";

test("the pieces of an import go to the volume that the first one named, and to no other", async () => {
  await using t = new TestInstallation();
  const volume = (name: string) => ({
    service: "shop",
    name,
    createdAtMs: 0,
    data: [],
    release: 1,
    snapshots: [],
  });
  t.world.volumes.push(volume("data"), volume("other"));
  const piece = (name: string, text: string, more: object = {}) =>
    t.controller.importVolume(
      { service: "shop", name, data: Buffer.from(text).toString("base64"), ...more },
      anAsker(),
    );
  const { upload } = await piece("data", '["a"');
  await expect(piece("other", "]", { upload, last: true })).rejects.toMatchObject({ code: "usage" });
  await piece("data", ',"b"]', { upload, last: true });
  expect(t.world.volumes.map(({ data }) => data)).toEqual([["a", "b"], []]);
  expect(t.store.events({ service: "shop" }).map(({ data }) => data)).toMatchObject([{ volume: "data" }]);
});
