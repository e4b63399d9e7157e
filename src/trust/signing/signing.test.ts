import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { cli } from "../../cli/test-kit.ts";
import { buildImage } from "../../image/build.ts";
import { attach } from "../../image/store/attach.ts";
import {
  blobPath,
  blobSize,
  type ImageStore,
  imageStore,
  putBlob,
  readManifest,
} from "../../image/store/image-store.ts";
import { mediaTypes } from "../../image/store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../../image/test-kit.ts";
import { openBundle, signedBundle } from "./bundle.ts";
import { newImageKey, parseImageKey, parsePublicKey } from "./keys.ts";
import { attest, signImage } from "./sign.ts";
import { predicateTypes, statementOf } from "./statement.ts";
import { attestationsOf, signatureOf, signersAmong } from "./verify.ts";

function aKey() {
  const { privatePem } = newImageKey();
  return parseImageKey(privatePem, "the test's key");
}

async function imageOf(shop: Workshop, text = "#!"): Promise<string> {
  shop.write("run", text, 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  return (await buildImage(serviceSpec({ files }), shop.options)).digest;
}

/** Attaches any bytes as a bundle, as another program could. */
async function attachBundle(store: ImageStore, digest: string, bundle: string): Promise<string> {
  const config = await putBlob(store, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const layer = await putBlob(store, Buffer.from(bundle), mediaTypes.bundle);
  const subject = { mediaType: mediaTypes.manifest, digest, size: blobSize(store, digest) ?? 0 };
  const head = { schemaVersion: 2, mediaType: mediaTypes.manifest, artifactType: mediaTypes.bundle };
  const manifest = { ...head, config, layers: [layer], subject };
  const stored = await putBlob(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest);
  await attach(store, stored, undefined);
  return stored.digest;
}

describe("a signature", () => {
  test("is valid for its key and its image; signing again changes nothing", async () => {
    using shop = workshop();
    const digest = await imageOf(shop);
    const store = imageStore(shop.state);
    const signer = { ...shop.options, key: aKey() };
    expect(await signatureOf(store, digest, [signer.key])).toEqual({ reasons: [] });
    const signed = await signImage(store, digest, signer);
    expect(signed.changed).toBe(true);
    expect(await signatureOf(store, digest, [aKey(), signer.key])).toMatchObject({
      key: { id: signer.key.id },
      attached: signed.attached,
    });
    expect(await signImage(store, digest, signer)).toEqual({ attached: signed.attached, changed: false });
  });

  test("has the form in which other programs look for it", async () => {
    using shop = workshop();
    const digest = await imageOf(shop);
    const store = imageStore(shop.state);
    const { attached } = await signImage(store, digest, { ...shop.options, key: aKey() });
    expect(readManifest(store, attached)).toMatchObject({
      artifactType: mediaTypes.bundle,
      config: { digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", size: 2 },
      layers: [{ mediaType: mediaTypes.bundle }],
      subject: { mediaType: mediaTypes.manifest, digest, size: blobSize(store, digest) },
      annotations: { "dev.sigstore.bundle.predicateType": predicateTypes.signature },
    });
  });

  test.each(["another key", "another image", "another type", "not a bundle", "an altered statement"])(
    "does not count: %s",
    async (fault) => {
      using shop = workshop();
      const other = await imageOf(shop, "##");
      const digest = await imageOf(shop);
      const store = imageStore(shop.state);
      const key = aKey();
      const good = signedBundle(statementOf(digest, predicateTypes.signature, {}), key);
      const altered = JSON.parse(good);
      altered.dsseEnvelope.payload = Buffer.from(statementOf(other, predicateTypes.signature, {})).toString(
        "base64",
      );
      const faults: Readonly<Record<string, readonly [string, string]>> = {
        "another key": [
          signedBundle(statementOf(digest, predicateTypes.signature, {}), aKey()),
          "another key",
        ],
        "another image": [
          signedBundle(statementOf(other, predicateTypes.signature, {}), key),
          `is for another image: ${other}`,
        ],
        "another type": [
          signedBundle(statementOf(digest, predicateTypes.provenance, {}), key),
          `is of the type ${predicateTypes.provenance}; expected ${predicateTypes.signature}`,
        ],
        "not a bundle": ["{}", "is not a Sigstore bundle"],
        "an altered statement": [JSON.stringify(altered), "is signed by another key"],
      };
      const [bundle, why] = faults[fault] ?? ["", ""];
      const attached = await attachBundle(store, digest, bundle);
      const found = await signatureOf(store, digest, [key]);
      expect(found).toEqual({ reasons: [expect.stringContaining(why)] });
      expect(found).toEqual({ reasons: [expect.stringContaining(attached)] });
      await attachBundle(store, digest, good); // what does not count does not stand in the way of what does
      expect(await signatureOf(store, digest, [key])).toMatchObject({ key: { id: key.id } });
    },
  );

  test("a signed bill of materials is attached as its own statement, and is not a signature of the image", async () => {
    using shop = workshop();
    const digest = await imageOf(shop);
    const store = imageStore(shop.state);
    const signer = { ...shop.options, key: aKey() };
    await attest(
      store,
      digest,
      { type: predicateTypes.spdx, predicate: { spdxVersion: "SPDX-2.3" } },
      signer,
    );
    const wanted = { type: predicateTypes.spdx, keys: [signer.key] };
    for await (const one of attestationsOf(store, digest, wanted)) expect(one).toMatchObject({ ok: true });
    expect(await signatureOf(store, digest, [signer.key])).toEqual({
      reasons: [expect.stringContaining(`is of the type ${predicateTypes.spdx}`)],
    });
  });

  test("of several keys counts for each of them", async () => {
    using shop = workshop();
    const digest = await imageOf(shop);
    const store = imageStore(shop.state);
    const [one, two, none] = [aKey(), aKey(), aKey()];
    const statement = statementOf(digest, predicateTypes.signature, {});
    const bundle = JSON.parse(signedBundle(statement, one));
    const [other] = JSON.parse(signedBundle(statement, two)).dsseEnvelope.signatures;
    bundle.dsseEnvelope.signatures.push(other);
    await attachBundle(store, digest, JSON.stringify(bundle));
    expect(await signersAmong(store, digest, [two, none, one])).toEqual([two.id, one.id]);
  });

  test("is found among much that is not one, which is not read, while timers continue", async () => {
    using shop = workshop();
    const digest = await imageOf(shop);
    const store = imageStore(shop.state);
    const signer = { ...shop.options, key: aKey() };
    const large = signedBundle(
      statementOf(digest, predicateTypes.signature, { pad: "x".repeat(64 << 10) }),
      signer.key,
    );
    const attached = await attachBundle(store, digest, large); // valid, and still not read
    const bill = { type: predicateTypes.spdx, predicate: {} };
    const { attached: other } = await attest(store, digest, bill, signer);
    for (let i = 0; i < 12; i++) {
      const statement = statementOf(digest, predicateTypes.signature, { i });
      await attachBundle(store, digest, signedBundle(statement, aKey()));
    }
    expect(await signersAmong(store, digest, [signer.key])).toEqual([]);
    const {
      layers: [bundle],
    } = readManifest(store, other);
    rmSync(blobPath(store, bundle?.digest ?? "")); // a bill of materials says so in its annotations
    const found = await signatureOf(store, digest, [signer.key]);
    expect(found).toMatchObject({
      reasons: expect.arrayContaining([
        expect.stringMatching(new RegExp(`^${attached} has \\d+ bytes; expected at most 65536$`)),
        expect.stringContaining(`${other} is of the type ${predicateTypes.spdx}`),
      ]),
    });
    await signImage(store, digest, signer);
    const keys = [...Array.from({ length: 60 }, aKey), signer.key];
    expect(await signersAmong(store, digest, keys)).toEqual([signer.key.id]);
    let turns = 0;
    let atFirst: number | undefined;
    const timer = setInterval(() => turns++, 1);
    for await (const _ of attestationsOf(store, digest, { type: predicateTypes.signature, keys }))
      atFirst ??= turns;
    clearInterval(timer);
    expect(turns).toBeGreaterThan(atFirst ?? turns);
  });

  test("opens to what was signed, byte by byte", () => {
    const key = aKey();
    const opened = openBundle(signedBundle("hello", key), [key]);
    expect(opened).toMatchObject({ statement: "hello", keys: [{ id: key.id }] });
  });
});

describe("a key", () => {
  const passphrase = "sesame";
  let pems: Readonly<Record<string, string>>;
  beforeAll(() => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pkcs8 = { type: "pkcs8", format: "pem" } as const;
    const text = (pem: string | Buffer) => pem.toString();
    pems = {
      encrypted: text(ec.privateKey.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase })),
      "of cosign":
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
      "of another kind": text(rsa.privateKey.export(pkcs8)),
      public: text(ec.publicKey.export({ type: "spki", format: "pem" })),
      "no key": "hello\n",
    };
  });

  test.each([
    ["encrypted", "is encrypted; expected one that is not", "openssl pkey -in KEY"],
    ["of cosign", "is encrypted", "kiln image key FILE"],
    ["of another kind", "is not an ECDSA P-256 private key", "kiln image key FILE"],
    ["no key", "is not an ECDSA P-256 private key", "kiln image key FILE"],
  ])("%s: the error says where, what was expected and what to do", (kind, message, hint) => {
    expect(() => parseImageKey(pems[kind] ?? "", "ci.key")).toThrow(
      expect.objectContaining({
        code: "signing_key_invalid",
        message: expect.stringMatching(new RegExp(`ci\\.key.*${message}`)),
        hint: expect.stringContaining(hint),
      }),
    );
  });

  test("a private key is not taken for a public one", () => {
    expect(() => parsePublicKey(newImageKey().privatePem, "release.key")).toThrow(/is a private key/);
    expect(() => parsePublicKey(pems["no key"] ?? "", "x.pub")).toThrow(
      /x\.pub is not an ECDSA P-256 public key/,
    );
  });
});

test("from the command line: make a key, sign, verify; refusals name key and remedy; no key is shown", async () => {
  using shop = workshop();
  const digest = await imageOf(shop);
  const at = { home: shop.state.home, cwd: shop.folder };
  const run = async (...argv: string[]) => {
    const done = await cli(argv, at);
    expect(done.stdout + done.stderr).not.toContain("PRIVATE KEY-----");
    return done;
  };
  expect(await run("image", "sign", "shop:1")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("KILN_SIGNING_KEY"),
  });
  const made = JSON.parse((await run("image", "key", "release.key", "--json")).stdout);
  expect(await run("image", "key", "release.key")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("already exists"),
  });
  expect(await run("image", "verify", "shop:1", "--key", "release.key.pub")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`No signature is attached to ${digest}`),
  });
  expect(await run("image", "sign", "shop:1", "--key", "release.key", "--sbom")).toMatchObject({ code: 0 });
  const verified = await run("image", "verify", "shop:1", "--key", "release.key.pub", "--json");
  expect(JSON.parse(verified.stdout)).toMatchObject({ digest, keyIds: [made.keyId] });
  await run("image", "key", "other.key");
  expect(await run("image", "verify", "shop:1", "--key", "other.key.pub")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is signed by another key"),
  });
  chmodSync(join(shop.folder, "release.key"), 0o644);
  expect(await run("image", "sign", "shop:1", "--key", "release.key")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/has mode 0644[\s\S]*chmod 600[\s\S]*kiln trust revoke NAME --reason TEXT/),
  });
  expect(await run("image", "sign", "shop:1", "--key", "none.key")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/none\.key is missing[\s\S]*kiln image key FILE/),
  });
});

test("a key pair is written whole or not at all", async () => {
  using shop = workshop();
  const at = { home: shop.state.home, cwd: shop.folder };
  const path = (name: string) => join(shop.folder, name);
  const refused = async (file: string, message: string) => {
    const before = readdirSync(shop.folder);
    const { code, stderr } = await cli(["image", "key", file], at);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toContain("Name a FILE");
    expect(stderr).not.toMatch(/--output|--force/);
    expect(readdirSync(shop.folder)).toEqual(before);
  };
  writeFileSync(path("release.key.pub"), "of another key");
  await refused("release.key", "release.key.pub already exists");
  expect(readFileSync(path("release.key.pub"), "utf8")).toBe("of another key");
  symlinkSync("nowhere", path("linked.key.pub")); // seen only when it is written
  await refused("linked.key", "linked.key.pub already exists");
  await refused("none/release.key", "the folder does not exist");
});

test("CI hands over its key in the environment", async () => {
  using shop = workshop();
  await imageOf(shop);
  const { privatePem, publicPem } = newImageKey();
  writeFileSync(join(shop.folder, "ci.pub"), publicPem);
  const at = { home: shop.state.home, cwd: shop.folder, env: { KILN_SIGNING_KEY: privatePem } };
  expect(await cli(["image", "sign", "shop:1"], at)).toMatchObject({ code: 0 });
  expect(await cli(["image", "verify", "shop:1", "--key", "ci.pub"], at)).toMatchObject({
    code: 0,
  });
  const index = readFileSync(join(shop.state.images, "index.json"), "utf8");
  expect(index).not.toContain("PRIVATE");
});
