import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ImagePolicy, TrustedKey } from "../../../domain/policy/admission.ts";
import { buildImage } from "../../../image/build.ts";
import { serviceSpec, type Workshop, workshop } from "../../../image/test-kit.ts";
import { readPublicKey } from "../../../trust/signing/keys.ts";
import type { Client } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const rule: ImagePolicy = { target: undefined, mode: "enforce", signedBy: ["release"] };

/** An image `shop:1`, the keys `release.key` and `other.key`, and a controller with a policy. */
async function signing(shop: Workshop, policies: readonly ImagePolicy[], revoked?: TrustedKey["revoked"]) {
  shop.write("run", "#!", 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  const { digest } = await buildImage(serviceSpec({ version: "1", files }), shop.options);
  const at = { home: shop.state.home, cwd: shop.folder };
  for (const name of ["release.key", "other.key"]) await cli(["image", "key", name], at);
  const { id, pem } = readPublicKey(join(shop.folder, "release.key.pub"));
  const key = { name: "release", keyId: id, publicKey: pem, addedAtMs: 1, addedBy: "ann", revoked };
  const client: Partial<Client> = { trust: async () => ({ keys: [key], policies: [...policies] }) };
  const run = (...argv: string[]) => cli(["image", ...argv], { ...at, client });
  return { digest, id, run };
}

test("an image is checked as a deploy would decide, with what else is signed", async () => {
  using shop = workshop();
  const { digest, id, run } = await signing(shop, [rule]);
  await run("sign", "shop:1", "--key", "other.key", "--sbom");
  expect(await run("verify", "shop:1")).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/refuses shop:1 .*no valid signature by release[\s\S]*kiln image sign/),
  });
  await run("sign", "shop:1", "--key", "release.key");
  const good = await run("verify", "shop:1", "--json");
  expect(JSON.parse(good.stdout)).toMatchObject({
    ...{ digest, keyIds: [id], rules: [{ passed: true }] },
    attested: { sbom: [], provenance: [] }, // by the other key, which no policy names
  });
  expect(await run("verify", "shop:1", "--sbom")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("has no bill of materials that one of these keys has signed"),
  });
  await run("sign", "shop:1", "--key", "release.key", "--sbom");
  expect(await run("verify", "shop:1", "--sbom")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`Its bill of materials is signed with ${id}.`),
  });
  expect(readFileSync(join(shop.state.images, "index.json"), "utf8")).not.toContain("PRIVATE");
});

test("a policy that warns lets the image pass with a warning, and a revoked key is named", async () => {
  using shop = workshop();
  const revoked = { atMs: 1, by: "ann", reason: "lost" };
  const { run } = await signing(shop, [{ ...rule, mode: "warn" }], revoked);
  await run("sign", "shop:1", "--key", "release.key");
  expect(await run("verify", "shop:1")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("is not signed by a key that counts"),
    stderr: expect.stringMatching(/warning: signed by release .* which ann revoked: lost/),
  });
});

test("without a policy, a key has to be named", async () => {
  using shop = workshop();
  const { run } = await signing(shop, [{ ...rule, target: "elsewhere" }]);
  expect(await run("verify", "shop:1")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/No image policy asks[\s\S]*--key FILE/),
  });
  expect(await run("verify", "registry.example/shop", "--key", "release.key.pub")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("a tag or a digest"),
  });
});
