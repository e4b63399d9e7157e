import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli } from "../../cli/test-kit.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { buildImage } from "../build.ts";
import { clientOf, httpServer } from "../registry/testing.ts";
import { referrersOf } from "../store/describe.ts";
import { blobPath, ensureStore, imageStore, readManifest } from "../store/image-store.ts";
import { mediaTypes } from "../store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";
import { pullReferrers } from "./pull-referrers.ts";

const image = digestOf("the image");
const config = Buffer.from("{}");
const digestAt = (n: number) => `sha256:${n.toString(16).padStart(64, "0")}`;

interface Content {
  readonly bytes: Buffer;
  readonly type: string;
}

/** What a registry has, by digest, and what it lists for each subject: also what no honest registry would. */
class Shelf {
  readonly content = new Map<string, Content>([
    [digestOf(config), { bytes: config, type: "application/octet-stream" }],
  ]);
  readonly lists = new Map<string, { digest: string; artifactType?: string }[]>();
  readonly asked: string[] = [];

  list(subject: string, digest: string, artifactType?: string): string {
    const entry = artifactType === undefined ? { digest } : { digest, artifactType };
    this.lists.set(subject, [...(this.lists.get(subject) ?? []), entry]);
    return digest;
  }

  put(text: string | Buffer, type: string = mediaTypes.manifest): string {
    const bytes = Buffer.from(text);
    this.content.set(digestOf(bytes), { bytes, type });
    return digestOf(bytes);
  }

  /** A manifest that refers to a subject, with a layer of this content. */
  refer(subject: string, layer: Buffer, named = subject): string {
    const layers = [{ mediaType: "x", digest: this.put(layer, "x"), size: layer.length }];
    const manifest = {
      ...{ schemaVersion: 2, mediaType: mediaTypes.manifest, layers },
      config: { mediaType: "x", digest: digestOf(config), size: config.length },
      subject: { mediaType: mediaTypes.manifest, digest: named, size: 1 },
    };
    return this.put(JSON.stringify(manifest));
  }
}

/** At each request, `during` looks at what the client has done so far. */
function serve(shelf: Shelf, during = () => {}) {
  return httpServer(({ url = "" }, response) => {
    during();
    const [, kind = "", name = ""] = /\/(referrers|manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
    if (kind === "referrers") {
      const entries = shelf.lists.get(name) ?? [];
      const manifests = entries.map((one) => ({ mediaType: mediaTypes.manifest, size: 1, ...one }));
      return response.writeHead(200, { "content-type": mediaTypes.index }).end(JSON.stringify({ manifests }));
    }
    shelf.asked.push(name);
    const found = shelf.content.get(name);
    if (found === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": found.type }).end(found.bytes);
  });
}

async function emptyStore(shop: Workshop) {
  const store = imageStore(shop.state);
  await ensureStore(store);
  return store;
}

test("a pull has one limit of what is attached at all depths, takes bundles first, and writes the index once", async () => {
  using shop = workshop();
  const store = await emptyStore(shop);
  const shelf = new Shelf();
  for (const i of [1, 2, 3]) {
    const own = shelf.list(image, shelf.refer(image, Buffer.from(`${i}`)));
    for (const j of [1, 2, 3]) shelf.list(own, shelf.refer(own, Buffer.from(`${i}.${j}`)));
  }
  const bundle = shelf.list(image, shelf.refer(image, Buffer.from("bundle")), mediaTypes.bundle);
  const index = join(store.folder, "index.json");
  let wasWritten = false;
  await using registry = await serve(shelf, () => {
    wasWritten ||= existsSync(index);
  });
  const limits = { count: 6, bytes: 1 << 20 };
  const pulled = await pullReferrers(store, image, clientOf(registry.host), limits);
  expect(pulled).toMatchObject({ attached: 6, notTaken: { count: 7 } });
  expect(pulled.notTaken.named[0]?.why).toBe("A pull asks for at most 6 of what is attached.");
  expect(wasWritten).toBe(false);
  const direct = (await referrersOf(store, image)).map(({ digest }) => digest);
  expect(direct).toHaveLength(4);
  expect(direct[0]).toBe(bundle);
});

test("a pull has one limit of bytes at all depths, and what is too large for the rest is not downloaded", async () => {
  using shop = workshop();
  const store = await emptyStore(shop);
  const shelf = new Shelf();
  const one = shelf.list(image, shelf.refer(image, Buffer.alloc(40_000, "1")));
  const two = shelf.list(one, shelf.refer(one, Buffer.alloc(40_000, "2")));
  const three = shelf.list(two, shelf.refer(two, Buffer.alloc(40_000, "3")));
  const small = shelf.list(two, shelf.refer(two, Buffer.from("small")));
  await using registry = await serve(shelf);
  const limits = { count: 100, bytes: 100_000 };
  const { attached, notTaken } = await pullReferrers(store, image, clientOf(registry.host), limits);
  expect({ attached, notTaken }).toMatchObject({ attached: 3, notTaken: { count: 1 } });
  expect(notTaken.named).toMatchObject([{ digest: three, why: expect.stringContaining("100000 bytes") }]);
  expect(await referrersOf(store, two)).toMatchObject([{ digest: small }]);
  expect(shelf.asked).not.toContain(digestOf(Buffer.alloc(40_000, "3")));
});

test("no more than 100 are asked for, and 20 named, of however many a registry lists", async () => {
  using shop = workshop();
  const shelf = new Shelf();
  for (let i = 0; i < 1_000; i++) shelf.list(image, digestAt(i));
  await using registry = await serve(shelf);
  const pulled = await pullReferrers(await emptyStore(shop), image, clientOf(registry.host));
  expect(pulled).toMatchObject({ attached: 0, notTaken: { count: 1_000 } });
  expect(pulled.notTaken.named).toHaveLength(20);
  expect(new Set(shelf.asked.filter((one) => one.startsWith("sha256:"))).size).toBe(100);
});

test("what is missing or something else in the registry does not fail the pull, and the output names it", async () => {
  using shop = workshop();
  using other = workshop();
  shop.write("run", "#!", 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  const { digest } = await buildImage(serviceSpec({ version: "1", files }), shop.options);
  const store = imageStore(shop.state);
  const shelf = new Shelf();
  const { config: own, layers } = readManifest(store, digest);
  for (const part of [own, ...layers]) shelf.put(readFileSync(blobPath(store, part.digest)), part.mediaType);
  const manifest = readFileSync(blobPath(store, digest));
  shelf.put(manifest);
  shelf.content.set("1", { bytes: manifest, type: mediaTypes.manifest });
  const missing = shelf.list(digest, digestAt(1));
  const page = shelf.list(digest, shelf.put("<html>", "text/html"));
  const large = shelf.list(digest, shelf.put(JSON.stringify({ pad: "x".repeat(64 << 10) })));
  const foreign = shelf.list(digest, shelf.refer(digest, Buffer.from("foreign"), digestAt(2)));
  const dangling = shelf.list(digest, shelf.refer(digest, Buffer.from("gone")));
  shelf.content.delete(digestOf("gone"));
  const altered = shelf.list(digest, digestAt(3));
  shelf.content.set(altered, { bytes: Buffer.from("{}"), type: mediaTypes.manifest });
  const good = shelf.list(digest, shelf.refer(digest, Buffer.from("good")));
  await using registry = await serve(shelf);
  const at = { home: other.state.home, cwd: other.folder };
  const pulled = await cli(["image", "pull", `http://${registry.host}/shop:1`], at);
  expect(pulled).toMatchObject({ code: 0, stdout: expect.stringContaining("such as signatures: 6.\n") });
  for (const [refused, why] of [
    [missing, "has no sha256:"],
    [page, "is of type text/html"],
    [large, "expected at most 65536"],
    [foreign, `does not refer to ${digest}`],
    [dangling, "has no blob"],
    [altered, "sends other bytes"],
  ])
    expect(pulled.stdout).toMatch(new RegExp(`${refused}: .*${why}`));
  expect(await referrersOf(imageStore(other.state), digest)).toMatchObject([{ digest: good }]);
});
