import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JobSpec } from "../domain/spec/job-spec.ts";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { buildImage } from "./build.ts";
import { imageStore, readConfig, readManifest } from "./store/image-store.ts";
import { elf, serviceSpec, treeOf, workshop } from "./test-kit.ts";

const files = (from: string, extra = {}) => [
  { from, to: "/srv", mode: undefined, owner: undefined, ...extra },
];

test("an image of a folder has one layer, a numeric user and the command", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  const spec = serviceSpec({ files: files(join(shop.project, "app")), command: ["/srv/run"], user: "33" });
  const built = await buildImage(spec, shop.options);
  expect(built).toMatchObject({ version: "1", changed: true, layers: [{ name: "files", cached: false }] });
  const manifest = readManifest(imageStore(shop.state), built.digest);
  const config = readConfig(imageStore(shop.state), manifest);
  expect(config.config).toEqual({
    User: "33:0",
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
    Cmd: ["/srv/run"],
    WorkingDir: "/",
    StopSignal: "SIGTERM",
  });
  expect(config.rootfs.diff_ids).toEqual(manifest.layers.map(({ digest }) => digest));
  expect(config.history).toMatchObject([{ created_by: "kiln: files" }]);
});

test("building again changes nothing; a changed file makes another version", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  const spec = serviceSpec({ files: files(join(shop.project, "app")), command: ["/srv/run"] });
  const first = await buildImage(spec, shop.options);
  const again = await buildImage(spec, shop.options);
  expect(again).toMatchObject({
    digest: first.digest,
    version: "1",
    changed: false,
    layers: [{ cached: true }],
  });
  shop.write("app/run", "##", 0o755);
  expect(await buildImage(spec, shop.options)).toMatchObject({ version: "2", changed: true });
});

test("times, and where the project lies, do not matter", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  const spec = (folder: string) => serviceSpec({ files: files(join(folder, "app")), command: ["/srv/run"] });
  const first = await buildImage(spec(shop.project), shop.options);
  const moved = join(shop.folder, "elsewhere");
  renameSync(shop.project, moved);
  utimesSync(join(moved, "app/run"), 5, 5);
  const again = await buildImage(spec(moved), { ...shop.options, projectFolder: moved });
  expect(again).toMatchObject({ digest: first.digest, changed: false });
});

test("a version names one image forever", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  const spec = serviceSpec({
    version: "1.0",
    files: files(join(shop.project, "app")),
    command: ["/srv/run"],
  });
  await buildImage(spec, shop.options);
  shop.write("app/run", "other", 0o755);
  await expect(buildImage(spec, shop.options)).rejects.toMatchObject({ code: "version_taken" });
});

test("what cannot be copied is named", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  const build = (from: string) =>
    buildImage(serviceSpec({ files: files(join(shop.project, from)), command: ["/srv/run"] }), shop.options);
  await expect(build("nothing")).rejects.toMatchObject({ code: "file_missing" });
  shop.write("../outside", "");
  for (const name of ["out", "more"]) symlinkSync("../../outside", join(shop.project, "app", name));
  await expect(build("app")).rejects.toMatchObject({
    code: "path_escapes",
    message: "2 symlinks lead out of the project, to a path that the image does not have.",
    problems: [
      { message: "/srv/more points to ../../outside, which is not in the image." },
      { message: "/srv/out points to ../../outside, which is not in the image." },
    ],
  });
  symlinkSync("/etc", join(shop.project, "etc"));
  await expect(build("etc")).rejects.toMatchObject({ code: "path_escapes" });
  mkdirSync(join(shop.project, "with-socket"));
  const server = createServer().listen(join(shop.project, "with-socket/s"));
  await new Promise((resolve) => server.once("listening", resolve));
  shop.write("with-socket/.wh.gone", "");
  shop.write(`with-socket/${"n".repeat(255)}`, "");
  writeFileSync(Buffer.from(`${shop.project}/with-socket/\xff`, "latin1"), "");
  await expect(build("with-socket")).rejects.toMatchObject({
    code: "file_unsupported",
    message: "4 paths of the project cannot go into the image.",
    problems: [
      { message: expect.stringContaining(".wh.") },
      { message: "Its name is longer than 254 bytes." },
      { message: expect.stringContaining("socket") },
      { message: expect.stringContaining("not valid UTF-8") },
    ],
  });
  server.close();
});

const isRoot = process.getuid?.() === 0;
if (isRoot) console.log("Skipped: an unreadable file, because root can read every file.");

test.skipIf(isRoot)("an unreadable file is named", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  chmodSync(join(shop.project, "app/run"), 0);
  const spec = serviceSpec({ files: files(join(shop.project, "app")) });
  await expect(buildImage(spec, shop.options)).rejects.toMatchObject({ code: "file_unreadable" });
});

test("a command or a user that the image lacks names the nearest", async () => {
  using shop = workshop();
  const root = treeOf({
    "etc/passwd": "www-data:x:33:33::/:\n",
    usr: null,
    "usr/bin": null,
    bin: { to: "usr/bin" },
    "usr/bin/nginx": "!",
  });
  const packages = async () => ({ inputDigest: "0", packages: [], tree: async () => root });
  const options = { ...shop.options, packages };
  const from = { kind: "debian", suite: "bookworm" } as const;
  const build = (image: object) => buildImage(serviceSpec({ from, packages: ["nginx"], ...image }), options);
  await expect(build({ command: ["ngnix"] })).rejects.toMatchObject({
    code: "command_missing",
    hint: 'Did you mean "nginx"?',
  });
  await expect(build({ command: ["nginx"], user: "www-dat" })).rejects.toMatchObject({
    code: "user_missing",
    hint: 'Did you mean "www-data"?',
  });
  expect(await build({ command: ["nginx"], user: "www-data" })).toMatchObject({
    layers: [{ name: "packages" }],
  });
});

describe("what a program is run by", () => {
  const build = (shop: ReturnType<typeof workshop>, command = "/srv/run", from = "app") =>
    buildImage(serviceSpec({ files: files(join(shop.project, from)), command: [command] }), shop.options);

  test("a dynamically linked program needs its loader, and a static one nothing", async () => {
    using shop = workshop();
    const loader = "/lib64/ld-linux-x86-64.so.2";
    shop.write("app/run", elf({ interpreter: loader }), 0o755);
    await expect(build(shop)).rejects.toMatchObject({
      code: "command_missing",
      message: `The command "/srv/run" is dynamically linked: the kernel loads it with "${loader}", which is not in the image.`,
      hint: expect.stringMatching(/statically.*from: debian/),
    });
    shop.write("app/run", elf({}), 0o755);
    expect(await build(shop)).toMatchObject({ version: "1" });
    shop.write("app/run", elf({ interpreter: "/srv/ld.so" }), 0o755);
    shop.write("app/ld.so", elf({}), 0o755);
    expect(await build(shop)).toMatchObject({ version: "2" });
  });

  test("a script needs its interpreter, and what that is run by", async () => {
    using shop = workshop();
    const refused = (message: string) =>
      expect(build(shop)).rejects.toMatchObject({ code: "command_missing", message });
    shop.write("app/run", "#! /bin/sh -e\nexit\n", 0o755);
    await refused(
      'The command "/srv/run" is a script: the kernel runs it with "/bin/sh", which is not in the image.',
    );
    shop.write("app/run", "#!/srv/sh\r\n", 0o755);
    shop.write("app/sh", elf({ interpreter: "/lib/ld.so" }), 0o755);
    await refused(
      'The command "/srv/run" is a script: the kernel runs it with "/srv/sh\\r", which is not in the image.',
    );
    shop.write("app/run", "#!/srv/sh\n", 0o755);
    await refused(
      'The command "/srv/sh" is dynamically linked: the kernel loads it with "/lib/ld.so", which is not in the image.',
    );
    shop.write("app/env", elf({}), 0o755);
    shop.write("app/run", "#!/srv/env python3\n", 0o755);
    await refused(
      'The command "/srv/run" is a script: the kernel runs it with "python3", which is not in the image.',
    );
    shop.write("app/run", "#!/home/me/shop/.venv/bin/python3\n", 0o755);
    await expect(build(shop)).rejects.toMatchObject({ hint: expect.stringContaining("`python -m run`") });
    symlinkSync("/opt/run", join(shop.project, "app/link"));
    await expect(build(shop, "/srv/link")).rejects.toMatchObject({
      message: 'The command "/srv/link" is a symlink that leads to "/opt/run", which is not in the image.',
    });
    shop.write("app/run", "#!/srv/env\n", 0o755);
    expect(await build(shop)).toMatchObject({ version: "1" });
  });
});

describe("commands of jobs", () => {
  function build(shop: ReturnType<typeof workshop>, spec: Partial<ServiceSpec>) {
    shop.write("app/run", "#!", 0o755);
    const image = serviceSpec({ files: files(join(shop.project, "app")), command: ["/srv/run"] });
    const findPlace = async (path: readonly (string | number)[]) => ({ file: path.join("/"), line: 7 });
    return buildImage({ ...image, ...spec }, { ...shop.options, findPlace });
  }
  const job = (name: string, when: JobSpec["when"], program: string): JobSpec => {
    return { name, when, command: [program, "up"], deadlineMs: 1000 };
  };

  test("one that the image lacks is named with its place, also when the image is there already", async () => {
    using shop = workshop();
    const { digest } = await build(shop, {});
    const jobs = [
      job("migrate", "before", "/srv/run"),
      job("first", "after", "/srv/run"),
      job("smoke", "after", "/srv/rnu"),
    ];
    await expect(build(shop, { jobs })).rejects.toMatchObject({
      code: "command_missing",
      message: 'The command "/srv/rnu" of job smoke is not in the image.',
      hint: 'Did you mean "/srv/run"?',
      problems: [
        { place: { file: "jobs/after/1/command", line: 7 }, message: "`jobs.after[1].command` names it." },
      ],
    });
    expect(await build(shop, { jobs: jobs.slice(0, 2) })).toMatchObject({ digest, changed: false });
  });

  test("they are looked for as servers would look", async () => {
    using shop = workshop();
    const jobs = [job("smoke", "after", "run")];
    await expect(build(shop, { jobs })).rejects.toMatchObject({ code: "command_missing" });
    const { shape } = serviceSpec({});
    expect(await build(shop, { jobs, shape: { ...shape, env: { PATH: "/bin:/srv" } } })).toMatchObject({
      version: "1",
    });
    const delivered = [{ from: "/x", to: "/etc/smoke", mode: 0o755 }];
    const script = [job("smoke", "after", "/etc/smoke")];
    await expect(build(shop, { jobs: script })).rejects.toMatchObject({ code: "command_missing" });
    expect(await build(shop, { jobs: script, files: delivered })).toMatchObject({ version: "1" });
  });
});

test("a cancelled build leaves nothing half made", async () => {
  using shop = workshop();
  shop.write("app/run", "#!", 0o755);
  const spec = serviceSpec({ files: files(join(shop.project, "app")), command: ["/srv/run"] });
  const stop = new AbortController();
  const options = {
    ...shop.options,
    signal: stop.signal,
    progress: () => stop.abort(),
  };
  await expect(buildImage(spec, options)).rejects.toMatchObject({ code: "cancelled" });
  expect(readdirSync(join(shop.state.images, "blobs/sha256"))).toEqual([]);
  expect(readdirSync(join(shop.state.images, "temporary"))).toEqual([]);
  expect(await buildImage(spec, shop.options)).toMatchObject({ changed: true });
});
