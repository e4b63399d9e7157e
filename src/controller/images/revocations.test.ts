import { expect, test } from "vitest";
import { anAsker, aRelease } from "../../domain/testing.ts";
import { newImageKey } from "../../trust/signing/keys.ts";
import { TestInstallation } from "../testing.ts";
import { createImageReleasing } from "./releasing-images.ts";

const ada = anAsker("ada@example");
const imageOf = (number: number) => aRelease(number).image;
const base = `sha256:${"b".repeat(64)}`;
const revoked = { code: "image_revoked", exitCode: 3, message: expect.stringContaining("CVE-2026-1") };

function releasing(t: TestInstallation) {
  return createImageReleasing({
    ...{ store: t.store, clock: t.clock, images: { bases: (image) => t.bases.get(image) ?? [] } },
    find: async (_, asked) => {
      const version = asked.replace(/^0+/, ""); // as the first digits of a digest lead to a version
      return { version, digest: imageOf(Number(version)) };
    },
  });
}

async function revoke(t: TestInstallation, digest: string, atMs?: number) {
  await releasing(t).revokeImage({ digest, reason: "CVE-2026-1", atMs }, ada);
}

test("a deploy and a rollback of a revoked image are refused until it is allowed again", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await t.deployed(2);
  await revoke(t, imageOf(1));
  await expect(t.controller.rollback({ service: "shop" }, ada)).rejects.toMatchObject(revoked);
  await revoke(t, imageOf(3));
  await expect(t.deploy(3)).rejects.toMatchObject(revoked);
  await releasing(t).unrevokeImage({ digest: imageOf(1) }, ada);
  await t.controller.rollback({ service: "shop" }, ada);
  expect((await t.settled()).serving?.number).toBe(1);
});

test("what was built on a revoked image is revoked too, and status says so", async () => {
  await using t = new TestInstallation();
  t.bases.set(imageOf(1), [base]);
  await t.deployed(1);
  expect((await t.status()).warnings).toEqual([]);
  await revoke(t, base);
  expect((await t.status()).warnings).toMatchObject([
    {
      message: expect.stringMatching(
        /is built on sha256:bbb.* revoked by ada@example: CVE-2026-1\. No server/,
      ),
    },
  ]);
  await expect(t.deploy(1)).rejects.toMatchObject(revoked);
});

test("a failed server of a revoked image is not replaced, and is as soon as the image is allowed again", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await revoke(t, imageOf(1));
  t.world.exit("shop-1-1-1", 1);
  await t.clock.advance(120_000);
  const after = await t.status();
  expect(after.servers.map(({ state }) => state)).toEqual(["ready", "ready"]);
  expect(after.failures.at(-1)?.reason).toContain("could not be started: The image");
  await expect(t.controller.scale({ service: "shop", count: 4 }, ada)).rejects.toMatchObject(revoked);
  await releasing(t).unrevokeImage({ digest: imageOf(1), reason: "a mistake" }, ada);
  await t.clock.advance(120_000);
  expect((await t.status()).servers.map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
});

test("a revocation that is yet to come is shown, and holds from its moment on", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await revoke(t, imageOf(1), t.clock.now() + 3_600_000);
  expect((await t.status()).warnings).toMatchObject([
    { message: expect.stringMatching(/From \d{4}-.*Z on, no server is started/) },
  ]);
  await t.deploy(1);
  await t.clock.advance(3_600_000);
  await expect(t.deploy(1)).rejects.toMatchObject(revoked);
});

test("fewer servers of a revoked image may be asked for", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await revoke(t, imageOf(1));
  await t.controller.scale({ service: "shop", count: 2 }, ada);
  await t.clock.until(async () => (await t.status()).servers.length === 2, 600_000);
});

test("revocations and moves of channels are events with who and why", async () => {
  await using t = new TestInstallation();
  await revoke(t, base);
  await releasing(t).unrevokeImage({ digest: base, reason: "a mistake" }, ada);
  await releasing(t).setChannel({ service: "shop", name: "stable", version: "1" }, ada);
  expect(t.store.events({}).map(({ kind, message }) => [kind, message])).toEqual([
    ["image.revoked", `ada@example revoked the image ${base}: CVE-2026-1`],
    ["image.unrevoked", `ada@example allows servers of the image ${base} again: a mistake`],
    ["channel.set", "ada@example moved the channel shop/stable to 1."],
  ]);
  await expect(releasing(t).unrevokeImage({ digest: base }, ada)).rejects.toMatchObject({
    code: "image_unknown",
  });
});

test("a channel has a history, is set twice as once, and is not moved to a revoked image", async () => {
  await using t = new TestInstallation();
  const { setChannel, channel, channels } = releasing(t);
  const set = (version: string) => setChannel({ service: "shop", name: "stable", version }, ada);
  await set("1");
  await set("2");
  await set("2");
  await revoke(t, imageOf(3));
  await expect(set("3")).rejects.toMatchObject(revoked);
  const { digest, history } = await channel({ service: "shop", name: "stable" });
  expect(digest).toBe(imageOf(2));
  expect(history.map(({ version }) => version)).toEqual(["2", "1"]);
  await set("02");
  expect(await channels({})).toMatchObject([{ service: "shop", name: "stable", version: "2" }]);
  await expect(channel({ service: "shop", name: "stabel" })).rejects.toMatchObject({
    code: "channel_unknown",
    hint: "Did you mean shop/stable? `kiln channel ls` lists them.",
  });
  await revoke(t, imageOf(2));
  expect((await channel({ service: "shop", name: "stable" })).revoked).toMatchObject({
    reason: "CVE-2026-1",
  });
});

test("an image where a channel is counts as used, and one where it was does not", async () => {
  await using t = new TestInstallation();
  const { setChannel, removeChannel } = releasing(t);
  const stable = { service: "shop", name: "stable" };
  await setChannel({ ...stable, version: "1" }, ada);
  await setChannel({ ...stable, version: "2" }, ada);
  expect([...t.store.imagesInUse()]).toEqual([[imageOf(2), ["channel shop/stable"]]]);
  await removeChannel({ ...stable, reason: "no longer" }, ada);
  expect([...t.store.imagesInUse()]).toEqual([]);
  expect(t.store.events({}).at(-1)?.message).toBe("ada@example removed the channel shop/stable: no longer");
  await expect(removeChannel(stable, ada)).rejects.toMatchObject({ code: "channel_unknown" });
});

test("a revocation that holds is not hidden by one that is yet to come, nor lifted by one", async () => {
  await using t = new TestInstallation();
  const early = `sha256:${"0".repeat(64)}`;
  t.bases.set(imageOf(1), [base, early]);
  await t.deployed(1);
  await revoke(t, early, t.clock.now() + 3_600_000);
  await revoke(t, base);
  expect((await t.status()).warnings[0]?.message).toMatch(/on sha256:bbb.* No server/);
  await expect(revoke(t, base, t.clock.now() + 3_600_000)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("would lift that"),
  });
  await expect(t.deploy(1)).rejects.toMatchObject({
    ...revoked,
    hint: expect.stringContaining("Build it on another base"),
  });
});

test("a revocation that comes between the check of a change and its record stops it", async () => {
  await using t = new TestInstallation();
  await t.controller.trustKey({ name: "release", publicKey: newImageKey().publicPem }, ada);
  await t.controller.requireSigned({ mode: "warn", signedBy: ["release"] }, ada);
  await t.deployed(1);
  t.signers.get = (image) => {
    t.store.revokeImage({ digest: image, reason: "CVE-2026-1" }, ada); // while its signatures are read
    return [];
  };
  await expect(t.deploy(2)).rejects.toMatchObject(revoked);
  expect((await t.status()).rollout).toBeUndefined();
});

test("a rollout to an image that is revoked on its way returns, and one away from a revoked image arrives", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await t.deploy(2);
  await revoke(t, imageOf(2));
  expect((await t.settled()).serving?.number).toBe(1);
  await t.deploy(3);
  await revoke(t, imageOf(1));
  expect((await t.settled()).serving?.number).toBe(3);
});
