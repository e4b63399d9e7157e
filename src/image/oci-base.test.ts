import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { sha256 } from "../lib/sha256.ts";
import { buildImage } from "./build.ts";
import { contentChunks } from "./content.ts";
import { imageStore, readConfig, readManifest } from "./image-store.ts";
import { hostArchitecture } from "./oci-types.ts";
import { tarParts } from "./tar-writer.ts";
import { serviceSpec, treeOf, type Workshop, workshop } from "./test-kit.ts";

const layout = "application/vnd.oci.image";

function tarOf(words: Parameters<typeof treeOf>[0]): Buffer {
  const chunks = [...tarParts(treeOf(words))].flatMap(({ content }) => [...contentChunks(content)]);
  return Buffer.concat(chunks);
}

/** Writes a layout with one image; `change` may spoil any part before it is written. */
function writeLayout(
  folder: string,
  options: { stored?: Buffer[]; platform?: object; config?: object } = {},
): void {
  const plain = [
    tarOf({ bin: null, "bin/app": "one", old: "o" }),
    tarOf({ ".wh.old": "", "bin/tool": "two" }),
  ];
  const stored = options.stored ?? [gzipSync(plain[0] ?? ""), zstdCompressSync(plain[1] ?? "")];
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const put = (data: Buffer | object, mediaType = "x") => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(JSON.stringify(data));
    writeFileSync(join(folder, "blobs/sha256", sha256(bytes)), bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const config = put({
    os: "linux",
    architecture: hostArchitecture(),
    config: { Env: ["A=b"], Entrypoint: null, Cmd: ["app"], StopSignal: "SIGQUIT", WorkingDir: "" },
    rootfs: { type: "layers", diff_ids: plain.map((tar) => `sha256:${sha256(tar)}`) },
    ...options.config,
  });
  const layers = stored.map((bytes) => put(bytes));
  const manifest = put({ schemaVersion: 2, config, layers }, `${layout}.manifest.v1+json`);
  const named = {
    ...manifest,
    platform: { os: "linux", architecture: hostArchitecture(), ...options.platform },
  };
  const other = {
    ...manifest,
    digest: `sha256:${"0".repeat(64)}`,
    platform: { os: "linux", architecture: "s390x" },
  };
  const index = put({ schemaVersion: 2, manifests: [other, named] }, `${layout}.index.v1+json`);
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [index] }));
}

function build(shop: Workshop, path = join(shop.project, "base"), ref?: string) {
  const from = { kind: "oci", path, ref } as const;
  return buildImage(serviceSpec({ from, command: undefined }), shop.options);
}

test("a base's layers are stored plain, and its configuration is kept", async () => {
  using shop = workshop();
  writeLayout(join(shop.project, "base"));
  const built = await build(shop);
  expect(built.layers.map(({ name, cached }) => [name, cached])).toEqual([
    ["base", false],
    ["base", false],
  ]);
  const manifest = readManifest(imageStore(shop.state), built.digest);
  const config = readConfig(imageStore(shop.state), manifest);
  expect(config.rootfs.diff_ids).toEqual(manifest.layers.map(({ digest }) => digest));
  expect(config.config).toMatchObject({ Cmd: ["app"], StopSignal: "SIGQUIT", WorkingDir: "/" });
  expect(await build(shop)).toMatchObject({ digest: built.digest, changed: false });
});

test("an archive of a layout is the same base", async () => {
  using shop = workshop();
  const folder = join(shop.project, "base");
  writeLayout(folder);
  const words = Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .map((name) => [name, readFileSync(join(folder, name), "latin1")]),
  );
  const archive = join(shop.project, "base.tar");
  const tree = new Map(
    [...treeOf(words)].map(([path, entry]) => {
      const bytes = Buffer.from(words[path] ?? "", "latin1");
      return [path, { ...entry, content: { kind: "bytes", bytes } as const }];
    }),
  );
  writeFileSync(
    archive,
    Buffer.concat([...tarParts(tree)].flatMap(({ content }) => [...contentChunks(content)])),
  );
  const fromFolder = await build(shop);
  expect(await build(shop, archive)).toMatchObject({ digest: fromFolder.digest });
});

test("damaged, malformed and foreign images are refused", async () => {
  using shop = workshop();
  const spoiled = async (name: string, options: Parameters<typeof writeLayout>[1]) => {
    writeLayout(join(shop.project, name), options);
    return build(shop, join(shop.project, name)).catch((error) => error.code);
  };
  const evil = tarOf({ "x/../../etc/passwd": "evil" });
  expect(await spoiled("wrong", { stored: [gzipSync("no tar"), gzipSync("nor this")] })).toBe(
    "image_invalid",
  );
  expect(await spoiled("cut", { stored: [gzipSync(Buffer.alloc(9999)).subarray(0, 20), gzipSync("")] })).toBe(
    "image_invalid",
  );
  expect(await spoiled("few", { stored: [] })).toBe("image_invalid");
  expect(await spoiled("signal", { config: { config: { StopSignal: "rm -rf" } } })).toBe("image_invalid");
  expect(await spoiled("arch", { platform: { architecture: "s390x" } })).toBe("image_unknown");
  const diffIds = { rootfs: { type: "layers", diff_ids: [`sha256:${sha256(evil)}`] } };
  expect(await spoiled("evil", { stored: [evil], config: diffIds })).toBe("image_invalid");
  mkdirSync(join(shop.project, "empty"));
  await expect(build(shop, join(shop.project, "empty"))).rejects.toMatchObject({ code: "image_invalid" });
  await expect(build(shop, join(shop.project, "nowhere"))).rejects.toMatchObject({ code: "file_missing" });
  writeLayout(join(shop.project, "base"));
  await expect(build(shop, undefined, "v2")).rejects.toMatchObject({ code: "image_unknown" });
});
