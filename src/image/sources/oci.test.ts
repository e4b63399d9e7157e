import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { fileNameText } from "../../lib/files/file-names.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import { pacer } from "../../lib/time/pace.ts";
import { buildImage } from "../build.ts";
import { layerTree } from "../layers/layers.ts";
import { contentChunks } from "../store/content.ts";
import { imageStore, readConfig, readManifest } from "../store/image-store.ts";
import { hostArchitecture } from "../store/oci-types.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { tarParts } from "../tar/tar-writer.ts";
import { serviceSpec, treeOf, type Workshop, workshop } from "../test-kit.ts";

const layout = "application/vnd.oci.image";

function tarOf(words: Parameters<typeof treeOf>[0]): Buffer {
  return archiveOf(treeOf(words));
}

function archiveOf(tree: TarTree): Buffer {
  const chunks = [...tarParts(tree)].flatMap(({ content }) =>
    [...contentChunks(content)].map((chunk) => Buffer.from(chunk)),
  );
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

function buildFrom(shop: Workshop, path = join(shop.project, "base"), ref?: string) {
  const from = { kind: "oci", path, ref } as const;
  return buildImage(serviceSpec({ from, command: undefined }), shop.options);
}

test("a base's layers are stored plain, and its configuration is kept", async () => {
  using shop = workshop();
  writeLayout(join(shop.project, "base"));
  const built = await buildFrom(shop);
  expect(built.layers.map(({ name, cached }) => [name, cached])).toEqual([
    ["base", false],
    ["base", false],
  ]);
  const manifest = readManifest(imageStore(shop.state), built.digest);
  const config = readConfig(imageStore(shop.state), manifest);
  expect(config.rootfs.diff_ids).toEqual(manifest.layers.map(({ digest }) => digest));
  expect(config.config).toMatchObject({ Cmd: ["app"], StopSignal: "SIGQUIT", WorkingDir: "/" });
  expect(await buildFrom(shop)).toMatchObject({ digest: built.digest, changed: false });
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
  const fromFolder = await buildFrom(shop);
  expect(await buildFrom(shop, archive)).toMatchObject({ digest: fromFolder.digest });
});

test("damaged, malformed and foreign images are refused", async () => {
  using shop = workshop();
  const spoiled = async (name: string, options: Parameters<typeof writeLayout>[1]) => {
    writeLayout(join(shop.project, name), options);
    return buildFrom(shop, join(shop.project, name)).catch((error) => error.code);
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
  await expect(buildFrom(shop, join(shop.project, "empty"))).rejects.toMatchObject({ code: "image_invalid" });
  await expect(buildFrom(shop, join(shop.project, "nowhere"))).rejects.toMatchObject({
    code: "file_missing",
  });
  writeLayout(join(shop.project, "base"));
  await expect(buildFrom(shop, undefined, "v2")).rejects.toMatchObject({ code: "image_unknown" });
});

/** An archive of `docker save` with one image of one layer. */
function savedImage(options: { layer?: Buffer; config?: object; manifest?: object } = {}): Buffer {
  const layer = tarOf({ bin: null, "bin/app": "one" });
  const config = Buffer.from(
    JSON.stringify({
      ...{ os: "linux", architecture: hostArchitecture(), config: { Cmd: ["/bin/app"] } },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
      ...options.config,
    }),
  );
  const manifest = [{ Config: "c.json", RepoTags: ["shop:1"], Layers: ["l/layer.tar"], ...options.manifest }];
  const files = { "c.json": config, "l/layer.tar": options.layer ?? layer };
  const entries = { ...files, "manifest.json": Buffer.from(JSON.stringify(manifest)) };
  const common = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0 } as const;
  return archiveOf(
    new Map(
      Object.entries(entries).map(([path, bytes]) => [
        path,
        { path, ...common, content: { kind: "bytes", bytes } } as const,
      ]),
    ),
  );
}

test("an archive of `docker save` is a base, and what does not match in it is refused", async () => {
  using shop = workshop();
  const build = (name: string, bytes: Buffer, ref?: string) => {
    writeFileSync(join(shop.project, name), bytes);
    return buildFrom(shop, join(shop.project, name), ref);
  };
  const other = tarOf({ bin: null, "bin/app": "two" });
  for (const [name, bytes, words] of [
    ["layer.tar", savedImage({ layer: other }), "do not match its digest"],
    ["lacks.tar", savedImage({ manifest: { Config: "../../c.json" } }), "lacks the file ../../c.json"],
    ["more.tar", savedImage({ manifest: { Layers: [] } }), "name different layers"],
    ["bad.tar", savedImage({ manifest: { Layers: "l" } }), "manifest.json is malformed"],
    ["arch.tar", savedImage({ config: { architecture: "s390x" } }), "s390x"],
    ["saved.tar.gz", gzipSync(savedImage()), "is compressed"],
  ] as const)
    await expect(build(name, bytes)).rejects.toThrow(words);
  const built = await build("saved.tar", savedImage(), "shop:1");
  const manifest = readManifest(imageStore(shop.state), built.digest);
  expect(readConfig(imageStore(shop.state), manifest).config).toMatchObject({ Cmd: ["/bin/app"] });
  await expect(build("saved.tar", savedImage(), "shop:2")).rejects.toThrow('no image "shop:2"');
});

test("a tar archive of a root file system is a base of one layer, without a command", async () => {
  using shop = workshop();
  const build = (bytes: Buffer, command: readonly string[] | undefined) => {
    const path = join(shop.project, "root.tar");
    writeFileSync(path, bytes);
    const from = { kind: "oci", path, ref: undefined } as const;
    return buildImage(serviceSpec({ from, command }), shop.options);
  };
  const root = tarOf({ bin: null, "bin/app": "one" });
  const built = await build(root, ["/bin/app"]);
  const { layers } = readManifest(imageStore(shop.state), built.digest);
  expect(layers.map(({ digest }) => digest)).toEqual([`sha256:${sha256(root)}`]);
  await expect(build(root, undefined)).rejects.toMatchObject({ code: "command_missing" });
  await expect(build(tarOf({ bin: null, "../etc/passwd": "x" }), ["/bin/app"])).rejects.toMatchObject({
    code: "image_invalid",
  });
  await expect(build(tarOf({ notes: "x" }), ["/bin/app"])).rejects.toThrow("neither an OCI image layout");
});

test("a layer of `umoci insert`, without the last padding, is whole; one that is cut in a file is not", async () => {
  using shop = workshop();
  const whole = tarOf({ bin: null, "bin/app": "one" });
  const bare = whole.subarray(0, whole.lastIndexOf("one") + 3);
  const cut = bare.subarray(0, bare.length - 1);
  const build = (name: string, layer: Buffer) => {
    const config = { rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] } };
    writeLayout(join(shop.project, name), { stored: [layer], config });
    return buildFrom(shop, join(shop.project, name));
  };
  expect(await build("bare", bare)).toMatchObject({ version: "1" });
  await expect(build("cut", cut)).rejects.toMatchObject({ code: "image_invalid" });
});

test("a hard link to a file of a lower layer becomes a copy, and names keep their bytes", async () => {
  using shop = workshop();
  const lower = tarOf({ bin: null, "bin/app": "one" });
  const common = { uid: 0, gid: 0, mtime: 1, mode: 0o755 };
  const name = fileNameText(Buffer.from("caf\xe9", "latin1"));
  const entries = (longest: number): readonly TarEntry[] => [
    { ...common, path: "bin/same", type: "hardlink", link: "bin/app" },
    { ...common, path: name, type: "file", content: { kind: "bytes", bytes: Buffer.from("x") } },
    {
      ...common,
      path: "n".repeat(longest),
      type: "file",
      content: { kind: "bytes", bytes: Buffer.from("y") },
    },
  ];
  const build = (longest: number) => {
    const upper = archiveOf(new Map(entries(longest).map((entry) => [entry.path, entry])));
    const stored = [lower, upper];
    const rootfs = { type: "layers", diff_ids: stored.map((tar) => `sha256:${sha256(tar)}`) };
    const folder = join(shop.project, `base-${longest}`);
    writeLayout(folder, { stored, config: { rootfs, config: { Cmd: ["/bin/same"] } } });
    return buildFrom(shop, folder);
  };
  await expect(build(255)).rejects.toMatchObject({
    code: "image_invalid",
    message: expect.stringMatching(/base-255 has a file whose name is longer than 254 bytes: \/n{255}$/),
  });
  const { digest } = await build(254);
  const store = imageStore(shop.state);
  const [, layer] = readManifest(store, digest).layers;
  const blob = { digest: layer?.digest ?? "", bytes: layer?.size ?? 0 };
  const tree = await layerTree(store, shop.state.cache, blob, pacer(shop.options.signal));
  expect(tree.get("bin/same")).toMatchObject({ type: "file", content: { length: 3 } });
  expect(new Set(tree.keys())).toEqual(new Set(["bin/same", "caf\udce9", "n".repeat(254)]));
  const names = archiveOf(tree).toString("latin1");
  expect(names).toContain("caf\xe9");
});

test("of several variants the most portable is taken, and a digest chooses another", async () => {
  using shop = workshop();
  const folder = join(shop.project, "base");
  writeLayout(folder);
  const [level, higher] = hostArchitecture() === "arm64" ? ["v8", "v9"] : ["v1", "v3"];
  const one = readFileSync(join(folder, "index.json"), "utf8");
  const { manifests } = JSON.parse(readFileSync(blobOf(folder, JSON.parse(one).manifests[0].digest), "utf8"));
  const named = manifests[1];
  const other = Buffer.from(`${readFileSync(blobOf(folder, named.digest), "utf8")} `);
  writeFileSync(join(folder, "blobs/sha256", sha256(other)), other);
  const variant = (manifest: object, v: string | undefined) => {
    return { ...manifest, platform: { ...named.platform, ...(v ? { variant: v } : {}) } };
  };
  const digest = `sha256:${sha256(other)}`;
  const write = (...variants: readonly object[]) => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: variants }));
    writeFileSync(join(folder, "blobs/sha256", sha256(bytes)), bytes);
    const index = {
      mediaType: `${layout}.index.v1+json`,
      digest: `sha256:${sha256(bytes)}`,
      size: bytes.length,
    };
    writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [index] }));
  };
  const better = { ...named, digest, size: other.length };
  write(variant(better, higher), variant(named, level));
  expect(await buildFrom(shop, folder)).toMatchObject({ changed: true });
  expect(await buildFrom(shop, folder, digest)).toMatchObject({ changed: true });
  write(variant(better, undefined), variant(named, level));
  await expect(buildFrom(shop, folder)).rejects.toMatchObject({
    code: "image_unknown",
    hint: expect.stringContaining(digest),
  });
});

function blobOf(folder: string, digest: string): string {
  return join(folder, "blobs/sha256", digest.slice("sha256:".length));
}
