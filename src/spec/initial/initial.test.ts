import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ServiceSpec } from "../../domain/spec/spec.ts";
import { loadSpecs } from "../load.ts";
import { initialSpec } from "./initial.ts";
import { nginxConf } from "./site-files.ts";

let outer: string;
let folder: string;

beforeEach(async () => {
  outer = await mkdtemp("/tmp/kiln-");
  folder = join(outer, "My Shop");
  await mkdir(folder);
});

afterEach(() => rm(outer, { recursive: true }));

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** Writes what `kiln init` would, and reads it back. */
async function init(): Promise<ServiceSpec> {
  const { files } = await initialSpec(folder);
  await put(Object.fromEntries(files.map(({ path, text }) => [path, text])));
  const [spec] = await loadSpecs(join(folder, "kiln.yaml"));
  if (!spec) throw new Error("no service");
  return spec;
}

const targets = (spec: ServiceSpec) => spec.image.files.map((file) => file.to);

test("an empty folder gets a starter page", async () => {
  const spec = await init();
  expect(spec).toMatchObject({ service: "my-shop", image: { packages: ["nginx"], user: "www-data" } });
  expect(targets(spec)).toEqual(["/srv/www", "/etc/nginx/nginx.conf"]);
  expect(await readFile(join(folder, "site/index.html"), "utf8")).toContain("It works");
});

describe("a site", () => {
  test("in a separate folder", async () => {
    await put({ "public/index.html": "", "site/notes.md": "" });
    const spec = await init();
    expect(spec.image.files[0]).toMatchObject({ from: join(folder, "public"), to: "/srv/www" });
    expect(spec.health.check).toEqual({ kind: "http", path: "/" });
  });

  test("in the project folder: only web files go into the image", async () => {
    await put({
      "index.html": "",
      "a b: #1.css": "",
      "true.html": "",
      "img/x.png": "",
      ".env": "",
      "secret.key": "",
      "node_modules/x": "",
      "package.json": "{}",
    });
    expect(targets(await init())).toEqual([
      "/srv/www/img",
      "/srv/www/a b: #1.css",
      "/srv/www/index.html",
      "/srv/www/true.html",
      "/etc/nginx/nginx.conf",
    ]);
  });

  test("an existing nginx.conf stays unchanged", async () => {
    await put({ "index.html": "", "nginx.conf": "theirs" });
    await init();
    expect(await readFile(join(folder, "nginx.conf"), "utf8")).toBe("theirs");
    expect(await readFile(join(folder, "kiln.nginx.conf"), "utf8")).toBe(nginxConf);
  });
});

describe("a Node.js program", () => {
  test.each([
    [{ scripts: { start: "NODE_ENV=x node --enable-source-maps ./src/api.js" } }, "src/api.js"],
    [{ main: "lib/gone.js" }, "server.js"],
    [{ main: "./app.mjs", scripts: { start: "next start" } }, "app.mjs"],
    [{ scripts: { start: "node ../outside.js" } }, "server.js"],
    [[], "server.js"],
  ])("%j starts %s", async (manifest, entry) => {
    await put({
      "package.json": JSON.stringify(manifest),
      "src/api.js": "",
      "server.js": "",
      "app.mjs": "",
      "test/a.js": "",
      "README.md": "",
    });
    const spec = await init();
    expect(spec.image).toMatchObject({ packages: ["nodejs"], command: ["node", `/app/${entry}`] });
    expect(targets(spec)).toEqual(["/app/src", "/app/app.mjs", "/app/package.json", "/app/server.js"]);
  });

  test("a package.json that starts nothing is not a program", async () => {
    await put({ "package.json": "not json", "dist/index.html": "" });
    expect((await init()).image.packages).toEqual(["nginx"]);
  });
});

test("a Python program, with Debian's names of its requirements", async () => {
  await put({
    "requirements.txt": "# web\nFlask==3.0\npython_dateutil\n-r more.txt\n",
    "main.py": "",
    "tool.py": "",
    "venv/x": "",
  });
  const spec = await init();
  expect(spec.image).toMatchObject({ packages: ["python3"], command: ["python3", "/app/main.py"] });
  expect(targets(spec)).toEqual(["/app/main.py", "/app/requirements.txt", "/app/tool.py"]);
  const text = await readFile(join(folder, "kiln.yaml"), "utf8");
  expect(text).toContain("  # python3-flask, python3-dateutil\n");
});

describe("a compiled program", () => {
  const headOf = async () => (await initialSpec(folder)).about;

  test.each([
    ["main.go", "."],
    ["cmd/api/main.go", "./cmd/api"],
  ])("Go, with %s", async (file, main) => {
    await put({
      "go.mod": "module example.com/shop\n",
      [file]: "// Shop\npackage main\n",
      "web/index.html": "",
    });
    expect(await headOf()).toContain(`Build it first: \`CGO_ENABLED=0 go build -o bin/my-shop ${main}\`.`);
    await expect(init()).rejects.toMatchObject({
      problems: [{ message: expect.stringContaining("./bin/my-shop does not exist") }],
    });
    await put({ "bin/my-shop": "" });
    expect(await init()).toMatchObject({
      image: { from: { kind: "scratch" }, packages: [], user: "65534", command: ["/my-shop"] },
      shape: { port: 8080 },
    });
  });

  test("Rust", async () => {
    const cargo = '[package]\nversion = "1.0.0"\nname = "the-shop"\n\n[dependencies]\nname = "x"\n';
    await put({ "Cargo.toml": cargo, "src/main.rs": "" });
    const head = await headOf();
    const [, target = ""] = /cargo build --release --target (\S+-unknown-linux-musl)`/.exec(head) ?? [];
    await put({ [`target/${target}/release/the-shop`]: "" });
    const spec = await init();
    expect(spec.image).toMatchObject({ from: { kind: "scratch" }, command: ["/my-shop"] });
    expect(targets(spec)).toEqual(["/my-shop"]);
  });
});

describe("a project of a known kind without a known way to run it", () => {
  test.each([
    ["go.mod", "from: scratch"],
    ["Cargo.toml", "from: scratch"],
    ["package.json", "packages: [nodejs]"],
    ["requirements.txt", "packages: [python3]"],
    ["pyproject.toml", "packages: [python3]"],
  ])("%s: the page says what it is not, and what to put", async (sign, instead) => {
    await put({ [sign]: "" });
    const { about } = await initialSpec(folder);
    expect(about).toContain(`and not your program. ${sign} `);
    await init();
    const text = await readFile(join(folder, "kiln.yaml"), "utf8");
    const comments = text.split("\n").filter((line) => line.startsWith("#"));
    expect(comments.join("\n")).toContain(`${sign} `);
    expect(comments.some((line) => line.includes(instead))).toBe(true);
  });
});

test("links are left out, and a folder without a usable name is called app", async () => {
  folder = join(outer, "123");
  await put({ "index.html": "" });
  await symlink("/etc/passwd", join(folder, "passwd.html"));
  const spec = await init();
  expect(spec.service).toBe("app");
  expect(targets(spec)).toEqual(["/srv/www/index.html", "/etc/nginx/nginx.conf"]);
});

describe("the examples", () => {
  const examples = join(import.meta.dirname, "../../../examples");

  test.each(["site", "node-api"])("%s is valid, in every environment", async (name) => {
    const file = join(examples, name, "kiln.yaml");
    expect(await loadSpecs(file)).toMatchObject([{ service: name }]);
    expect(await loadSpecs(file, { environment: "staging" })).toMatchObject([{ count: 1 }]);
  });

  test("the site has the nginx.conf that `kiln init` writes", async () => {
    expect(await readFile(join(examples, "site/nginx.conf"), "utf8")).toBe(nginxConf);
  });
});
