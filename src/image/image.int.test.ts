import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../lib/process/exec.ts";
import { systemClock } from "../lib/time/clock.ts";
import type { ImageSource } from "../platform/contract/images.ts";
import { buildImage } from "./build.ts";
import { damagedLayers, imageSource } from "./store/image-source.ts";
import type { TarEntry } from "./tar/entry.ts";
import { serviceSpec, treeOf, type Workshop, workshop } from "./test-kit.ts";
import { startDocker, staticProgram } from "./test-programs.ts";

function without(...programs: string[]): boolean {
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  const lacks = [...missing, ...(process.getuid?.() === 0 ? [] : ["root"])];
  if (lacks.length > 0) console.log(`skipped: ${lacks.join(", ")} not here`);
  return lacks.length > 0;
}

/** Every file below a folder with its size and its time. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
    const { size, mtimeNs } = statSync(join(folder, name), { bigint: true });
    return `${name} ${size} ${mtimeNs}`;
  });
}

const call = () => ({ signal: AbortSignal.timeout(60_000), deadline: Date.now() + 60_000 });

async function buildHello(shop: Workshop) {
  mkdirSync(join(shop.project, "app/with a long name ".repeat(8)), { recursive: true });
  await staticProgram(join(shop.project, "app/hello"));
  shop.write("app/ümlaut.txt", "text");
  const files = [{ from: join(shop.project, "app"), to: "/opt/app", mode: undefined, owner: "12:34" }];
  const spec = serviceSpec({ version: "1.4.0", files, command: ["/opt/app/hello"], user: "1000:1000" });
  return buildImage(spec, shop.options);
}

test.skipIf(without("skopeo", "umoci", "runc", "gcc"))(
  "other tools read and run the image as it is",
  async () => {
    using shop = workshop();
    const built = await buildHello(shop);
    const image = `oci:${shop.state.images}:shop:1.4.0`;
    const inspected = JSON.parse((await exec(["skopeo", "inspect", image])).stdout);
    expect(inspected).toMatchObject({ Digest: built.digest, Architecture: "amd64", Os: "linux" });
    await exec(["skopeo", "copy", image, `docker-archive:${shop.folder}/d.tar:shop:1.4.0`]);
    const bundle = join(shop.folder, "bundle");
    await exec(["umoci", "unpack", "--image", image.slice("oci:".length), bundle]);
    const owners = await exec(
      ["stat", "-c", "%u:%g %a %n", "opt", "opt/app", "opt/app/hello", "opt/app/ümlaut.txt"],
      {
        cwd: join(bundle, "rootfs"),
      },
    );
    expect(owners.stdout.trim().split("\n")).toEqual([
      "0:0 755 opt",
      "12:34 755 opt/app",
      "12:34 755 opt/app/hello",
      "12:34 644 opt/app/ümlaut.txt",
    ]);
    const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
    config.process.terminal = false;
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    const run = await exec(["runc", "run", "--bundle", bundle, `kiln-test-${process.pid}`], {
      accept: "any",
    });
    expect(run).toMatchObject({ code: 7, stdout: "hello from kiln\n" });
  },
);

test.skipIf(without("skopeo", "dockerd", "docker", "gcc"))("Docker runs the image as it is", async () => {
  using shop = workshop();
  await buildHello(shop);
  const archive = `${shop.folder}/d.tar`;
  await exec([
    "skopeo",
    "copy",
    `oci:${shop.state.images}:shop:1.4.0`,
    `docker-archive:${archive}:shop:1.4.0`,
  ]);
  await using docker = await startDocker(shop.folder);
  await docker.run(["load", "-i", archive]);
  const args = ["run", "--rm", "--network", "none", "shop:1.4.0"];
  expect(await docker.run(args)).toMatchObject({ code: 7, stdout: "hello from kiln\n" });
});

test.skipIf(without("skopeo", "umoci", "gcc"))(
  "an image of another tool is a base, in every form",
  async () => {
    using shop = workshop();
    await buildHello(shop);
    // umoci adds a layer, compressed, that removes a file and changes another.
    const base = join(shop.project, "base");
    await exec(["skopeo", "copy", `oci:${shop.state.images}:shop:1.4.0`, `oci:${base}:v1`]);
    const bundle = join(shop.folder, "bundle");
    await exec(["umoci", "unpack", "--image", `${base}:v1`, bundle]);
    rmSync(join(bundle, "rootfs/opt/app/ümlaut.txt"));
    writeFileSync(join(bundle, "rootfs/opt/app/added"), "a", { mode: 0o600 });
    await exec(["umoci", "repack", "--image", `${base}:v2`, bundle]);
    const archive = join(shop.project, "base.tar");
    await exec(["skopeo", "copy", `oci:${base}:v2`, `oci-archive:${archive}`]);
    const build = (path: string, ref: string | undefined) =>
      buildImage(serviceSpec({ from: { kind: "oci", path, ref }, command: undefined }), shop.options);
    const built = await build(base, "v2");
    expect(built.layers.length).toBeGreaterThan(1);
    expect(await build(archive, undefined)).toMatchObject({ digest: built.digest, changed: false });
    await expect(build(base, undefined)).rejects.toMatchObject({ code: "image_unknown" });
    const again = join(shop.folder, "again");
    await exec(["umoci", "unpack", "--image", `${shop.state.images}:shop:${built.version}`, again]);
    expect(readdirSync(join(again, "rootfs/opt/app")).filter((name) => !name.startsWith("with"))).toEqual([
      "added",
      "hello",
    ]);
    const { uid, argv } = await imageSource(shop.state).open(built.digest, call());
    expect({ uid, argv }).toEqual({ uid: 1000, argv: ["/opt/app/hello"] });
    await exec(["skopeo", "copy", `oci:${base}:v2`, `docker-archive:${archive}.docker`]);
    const { digest } = await build(`${archive}.docker`, undefined);
    expect(await imageSource(shop.state).open(digest, call())).toMatchObject({ uid, argv });
  },
);

test.skipIf(without("mkfs.erofs", "gcc"))(
  "a layer becomes one file that is checked before it is used",
  async () => {
    using shop = workshop();
    const built = await buildHello(shop);
    const open = () => (imageSource(shop.state) satisfies ImageSource).open(built.digest, call());
    const before = filesIn(shop.state.home);
    await imageSource(shop.state).check(built.digest, call());
    expect(filesIn(shop.state.home)).toEqual(before);
    const opened = await open();
    expect(opened).toMatchObject({ argv: ["/opt/app/hello"], uid: 1000, gid: 1000, stopSignal: "TERM" });
    const [layer] = opened.layers;
    if (!layer) throw new Error("no layer");
    expect(await exec(["sha256sum", layer.file])).toMatchObject({
      stdout: expect.stringContaining(layer.sha256),
    });
    // The same layer gives the same file, also later and elsewhere.
    rmSync(layer.file);
    expect(await damagedLayers(shop.state, built.digest)).toHaveLength(1);
    expect((await open()).layers).toEqual(opened.layers);
    writeFileSync(layer.file, "damaged");
    expect((await open()).layers).toEqual(opened.layers);
    expect(await damagedLayers(shop.state, built.digest)).toEqual([]);
    const source = imageSource(shop.state);
    await source.open(built.digest, call());
    const timesMs: number[] = [];
    for (let again = 0; again < 10; again++) {
      const before = performance.now();
      await source.open(built.digest, call());
      timesMs.push(performance.now() - before);
    }
    expect(Math.min(...timesMs)).toBeLessThan(5);
  },
);

test.skipIf(without("mkfs.erofs"))(
  "whiteouts, owners, times, capabilities and links survive into the mount",
  async () => {
    using shop = workshop();
    const extra: TarEntry[] = [
      { path: "bin/ping", type: "hardlink", mode: 0o755, uid: 0, gid: 0, mtime: 1, link: "run" },
      {
        path: "caps",
        type: "file",
        mode: 0o4755,
        uid: 5,
        gid: 6,
        mtime: 400_000_000,
        content: { kind: "bytes", bytes: Buffer.from("x") },
        xattrs: { "security.capability": Buffer.from("0100000200200000000000000000000000000000", "hex") },
      },
    ];
    const words = {
      run: "!",
      "gone/.wh.file": "",
      "emptied/.wh..wh..opq": "",
      "emptied/new": "n",
      link: { to: "/run" },
      bin: null,
    };
    const root = new Map([...treeOf(words), ...extra.map((entry) => [entry.path, entry] as const)]);
    const packages = async () => ({ inputDigest: "0", packages: [], tree: async () => root });
    const spec = serviceSpec({ from: { kind: "debian", suite: "bookworm" } });
    const built = await buildImage(spec, { ...shop.options, packages, clock: systemClock });
    const { layers } = await imageSource(shop.state).open(built.digest, call());
    using mounted = mountErofs(layers[0]?.file ?? "");
    const shown = await exec(
      ["stat", "-c", "%n %F %u:%g %a %Y %h", "run", "bin/ping", "caps", "gone/file", "link"],
      { cwd: mounted.at },
    );
    expect(shown.stdout.trim().split("\n")).toEqual([
      "run regular file 0:0 755 1 2",
      "bin/ping regular file 0:0 755 1 2",
      "caps regular file 5:6 4755 400000000 1",
      "gone/file character special file 0:0 0 315532800 1",
      "link symbolic link 0:0 777 1 1",
    ]);
    const code =
      "import os,sys; print(os.getxattr('emptied','trusted.overlay.opaque'), os.getxattr('caps','security.capability').hex())";
    expect((await exec(["python3", "-c", code], { cwd: mounted.at })).stdout.trim()).toBe(
      "b'y' 0100000200200000000000000000000000000000",
    );
  },
);

function mountErofs(file: string): { readonly at: string } & Disposable {
  const at = mkdtempSync("/tmp/kiln-mount-");
  const mounted = spawnSync("mount", ["-t", "erofs", "-o", "loop,ro", file, at]);
  if (mounted.status !== 0) throw new Error(mounted.stderr.toString());
  return {
    at,
    [Symbol.dispose]: () => {
      spawnSync("umount", [at]);
      rmSync(at, { recursive: true });
    },
  };
}
