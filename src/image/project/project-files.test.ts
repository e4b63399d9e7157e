import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pacer } from "../../lib/time/pace.ts";
import { buildImage } from "../build.ts";
import { InputIndex } from "../layers/input-index.ts";
import { layerTree } from "../layers/layers.ts";
import { lookUp, mergeLayers } from "../layers/tree.ts";
import { contentBytes } from "../store/content.ts";
import { imageStore, readConfig, readManifest } from "../store/image-store.ts";
import { serviceSpec, treeOf, type Workshop, workshop } from "../test-kit.ts";
import { readProjectFiles } from "./project-files.ts";
import { ProjectIgnore } from "./project-ignore.ts";

const nothing = { kind: "bytes", bytes: Buffer.alloc(0) } as const;

const entry = (from: string, to = "/app") => ({ from, to, mode: undefined, owner: undefined });

/** What `from: .` (or another folder) brings, and what is left out, as `PATH (WHO)`. */
async function brought(shop: Workshop, from = ".", exclude: readonly string[] = []) {
  const ignore = await ProjectIgnore.open(shop.project, { exclude });
  const { files, leftOut } = await readProjectFiles([entry(join(shop.project, from))], {
    projectFolder: shop.project,
    stateFolder: shop.state.home,
    ignore,
    index: await InputIndex.open(join(shop.folder, "index")),
    nowMs: 0,
    pace: pacer(new AbortController().signal),
  });
  return {
    files: files.filter(({ type }) => type !== "folder").map(({ to }) => to.slice("app/".length)),
    folders: files.filter(({ type }) => type === "folder").map(({ to }) => to),
    leftOut: leftOut.map(({ path, by }) => `${path} (${by})`),
  };
}

describe("what is left out", () => {
  test("without a word of the user: Kiln's and git's own files, and secrets at any depth", async () => {
    using shop = workshop();
    const key = "-----BEGIN EC PRIVATE KEY-----\n";
    for (const path of [".git/config", "kiln.yaml", "kiln.lock", ".env", "a/.env.local", "a/.ssh/config"]) {
      shop.write(path, "");
    }
    shop.write("tls/key.pem", key);
    shop.write("lib/certifi/cacert.pem", "-----BEGIN CERTIFICATE-----\n");
    shop.write("a/index.js", "");
    shop.write("environment.env.js", "");
    expect(await brought(shop)).toMatchObject({
      files: ["a/index.js", "environment.env.js", "lib/certifi/cacert.pem"],
      leftOut: [
        ".env (kiln)",
        ".git (kiln)",
        "a/.env.local (kiln)",
        "a/.ssh (kiln)",
        "kiln.lock (kiln)",
        "kiln.yaml (kiln)",
        "tls/key.pem (kiln)",
      ],
    });
  });

  test("a .dockerignore is followed, and image.exclude has the last word", async () => {
    using shop = workshop();
    shop.write(".dockerignore", "# comment\nnode_modules/\n/docs\n!docs/api/*.md\n**/*.log\n!.env\n");
    for (const path of [
      ...["node_modules/a/index.js", "docs/x.md", "docs/api/y.md", "docs/api/z.txt"],
      ...["a/b.log", "keep.log", ".env", "index.js"],
    ]) {
      shop.write(path, "");
    }
    const { files, folders, leftOut } = await brought(shop, ".", ["!keep.log", "index.js"]);
    expect(files).toEqual([".env", "docs/api/y.md", "keep.log"]);
    expect(folders).toEqual(["app", "app/a", "app/docs", "app/docs/api"]);
    expect(leftOut).toEqual([
      ".dockerignore (kiln)",
      "a/b.log (.dockerignore)",
      "docs/api/z.txt (.dockerignore)",
      "docs/x.md (.dockerignore)",
      "index.js (image.exclude)",
      "node_modules (.dockerignore)",
    ]);
  });

  test("what an entry names itself is copied; patterns count for what lies in it", async () => {
    using shop = workshop();
    shop.write(".dockerignore", "node_modules\n**/test\n");
    shop.write("node_modules/a/index.js", "");
    shop.write("node_modules/a/test/all.js", "");
    shop.write(".env", "");
    expect(await brought(shop, "node_modules")).toMatchObject({ files: ["a/index.js"] });
    expect(await brought(shop, ".env")).toMatchObject({ leftOut: [] });
  });

  test("a line that is not a pattern is refused with its place, and so is a .dockerignore out of the project", async () => {
    using shop = workshop();
    shop.write(".dockerignore", "a\n\n[b\n");
    await expect(brought(shop)).rejects.toMatchObject({
      code: "spec_invalid",
      problems: [{ place: { file: join(shop.project, ".dockerignore"), line: 3, column: 1 } }],
    });
    using other = workshop();
    symlinkSync("/etc/passwd", join(other.project, ".dockerignore"));
    await expect(brought(other)).rejects.toMatchObject({ code: "path_escapes" });
  });

  test("kiln.yaml, under any name, is not part of an image; the build reports the paths that it leaves out", async () => {
    using shop = workshop();
    shop.write("run", "#!", 0o755);
    shop.write("shop.yaml", "rollout: { bake: 1s }");
    shop.write(".env", "PASSWORD=x");
    const notes: string[] = [];
    const options = {
      ...shop.options,
      specFile: join(shop.project, "shop.yaml"),
      progress: (event: { kind: string; text?: string }) => {
        if (event.kind === "note") notes.push(event.text ?? "");
      },
    };
    const spec = serviceSpec({ files: [entry(shop.project)], command: ["/app/run"] });
    const { digest } = await buildImage(spec, options);
    shop.write("shop.yaml", "rollout: { bake: 2s }");
    expect(await buildImage(spec, options)).toMatchObject({ digest, changed: false });
    expect(notes[0]).toBe('left out: .env, shop.yaml; `image.exclude: ["!NAME"]` keeps one');
  });
});

describe("what the spec states itself", () => {
  const accounts = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nold:x:1000:1000::/:\n",
    "etc/group": "www-data:x:33:\n",
  };

  async function built(shop: Workshop, image: Parameters<typeof serviceSpec>[0]) {
    const packages = async () => ({
      inputDigest: "0",
      packages: [],
      tree: async () => treeOf({ etc: null, ...accounts }),
    });
    shop.write("app/run", "#!", 0o755);
    const spec = serviceSpec({
      from: { kind: "debian", suite: "bookworm" },
      packages: ["x"],
      files: [entry(join(shop.project, "app"))],
      command: ["/app/run"],
      ...image,
    });
    const { digest } = await buildImage(spec, { ...shop.options, packages });
    const store = imageStore(shop.state);
    const manifest = readManifest(store, digest);
    const trees = manifest.layers.map(({ digest: layer, size }) =>
      layerTree(store, shop.state.cache, { digest: layer, bytes: size }, pacer(shop.options.signal)),
    );
    return { root: mergeLayers(await Promise.all(trees)), config: readConfig(store, manifest).config };
  }

  test("users, folders and links become files, with owners by name", async () => {
    using shop = workshop();
    const user = { uid: undefined, group: undefined, groups: [], home: undefined, shell: undefined };
    const { root, config } = await built(shop, {
      users: [
        { ...user, name: "web", groups: ["www-data"], home: "/srv/web" },
        { ...user, name: "job", uid: 7, group: "web", shell: "/bin/sh" },
      ],
      folders: [{ path: "/var/cache/shop", mode: 0o700, owner: "job" }],
      links: [{ path: "/app/current", target: "run" }],
      user: "job",
    });
    const text = (path: string) => contentBytes(lookUp(root, path)?.content ?? nothing, 1000).toString();
    expect(text("etc/passwd")).toBe(
      `${accounts["etc/passwd"]}web:x:1001:1001::/srv/web:/usr/sbin/nologin\njob:x:7:1001::/nonexistent:/bin/sh\n`,
    );
    expect(text("etc/group")).toBe("www-data:x:33:web\nweb:x:1001:\n");
    expect(root.get("srv/web")).toMatchObject({ type: "folder", mode: 0o755, uid: 1001, gid: 1001 });
    expect(root.get("var/cache/shop")).toMatchObject({ type: "folder", mode: 0o700, uid: 7, gid: 1001 });
    expect(lookUp(root, "app/current")).toMatchObject({ path: "app/run" });
    expect(config).toMatchObject({ User: "7:1001" });
  });

  test("the environment and labels are part of the image; a locale of the spec is kept", async () => {
    using shop = workshop();
    const { config } = await built(shop, { env: { LC_ALL: "C", PATH: "/app" }, labels: { a: "b" } });
    expect(config).toMatchObject({ Env: ["LC_ALL=C", "PATH=/app"], Labels: { a: "b" } });
  });

  test("a user that the image has, and a group that it has not, are refused", async () => {
    using shop = workshop();
    const user = { uid: undefined, group: undefined, groups: [], home: undefined, shell: undefined };
    await expect(built(shop, { users: [{ ...user, name: "old" }] })).rejects.toMatchObject({
      code: "spec_invalid",
    });
    const users = [{ ...user, name: "web", groups: ["ww-data"] }];
    await expect(built(shop, { users })).rejects.toMatchObject({
      code: "user_missing",
      hint: 'Did you mean "www-data"?',
    });
  });

  test("`to: /`, and two entries into one folder, merge as copies do, also through a link of the first", async () => {
    using shop = workshop();
    shop.write("a/app/run", "#!", 0o755);
    shop.write("a/data/x", "1");
    symlinkSync("data", join(shop.project, "a/current"));
    shop.write("b/data/x", "2");
    shop.write("c", "3");
    const { root } = await built(shop, {
      files: [
        entry(join(shop.project, "a"), "/"),
        entry(join(shop.project, "b"), "/"),
        entry(join(shop.project, "c"), "/current/c"),
      ],
    });
    expect(root.get("data/x")?.content).toMatchObject({ length: 1 });
    expect(contentBytes(root.get("data/x")?.content ?? nothing, 10).toString()).toBe("2");
    expect([...root.keys()].filter((path) => path.startsWith("data") || path === "current").sort()).toEqual([
      ...["current", "data", "data/c", "data/x"],
    ]);
  });
});

describe("symlinks", () => {
  test("links with a target in the image are kept, and links without one are reported", async () => {
    using shop = workshop();
    const root = treeOf({ usr: null, "usr/bin": null, "usr/bin/python3": "!" });
    const packages = async () => ({ inputDigest: "0", packages: [], tree: async () => root });
    shop.write("packages/a/index.js", "");
    shop.write("node_modules/.keep", "");
    shop.write("venv/bin/run", "#!", 0o755);
    for (const [path, link] of [
      ["venv/bin/python3", "/usr/bin/python3"],
      ["venv/bin/python", "python3"],
      ["node_modules/a", "../packages/a"],
      ["log", "/dev/stdout"],
      ["later", "/nowhere/at/all"],
      ["docs-link", "docs"],
    ] as const) {
      symlinkSync(link, join(shop.project, path));
    }
    shop.write("docs/x", "");
    const notes: string[] = [];
    const built = await buildImage(
      serviceSpec({
        from: { kind: "debian", suite: "bookworm" },
        packages: ["python3"],
        files: [entry(shop.project)],
        exclude: ["docs"],
        command: ["/app/venv/bin/run"],
      }),
      {
        ...shop.options,
        packages,
        progress: (event) => event.kind === "note" && notes.push(event.text),
      },
    );
    expect(built).toMatchObject({ changed: true });
    expect(notes.slice(1)).toEqual(["the symlink /app/docs-link points to docs, which is not in the image"]);
  });
});
