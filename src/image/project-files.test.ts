import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pacer } from "../lib/pace.ts";
import { buildImage } from "./build.ts";
import { InputIndex } from "./input-index.ts";
import { readProjectFiles } from "./project-files.ts";
import { ProjectIgnore } from "./project-ignore.ts";
import { serviceSpec, treeOf, type Workshop, workshop } from "./test-kit.ts";

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

  test("kiln.yaml is no part of an image, whatever it is called; what is left out is told", async () => {
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

describe("symlinks", () => {
  test("those that are right in the image are kept, and those that lead nowhere in it are told", async () => {
    using shop = workshop();
    const root = treeOf({ usr: null, "usr/bin": null, "usr/bin/python3": "!" });
    const packages = async () => ({ inputDigest: "0", tree: async () => root });
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
