import { readFileSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/lib/process/exec.ts";
import { type Installation, install, kilnPath, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

/** What `kiln ... --json` says of a command that failed. */
interface Told {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

describe("builds that cannot be", () => {
  let kiln: Installation;
  let shop: LittleService;
  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop");
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  async function refused(exitCode = 2): Promise<Told["error"]> {
    const people = await kiln.run(["build"], { cwd: shop.folder });
    const programs = await kiln.run(["build", "--json"], { cwd: shop.folder });
    expect([people.code, programs.code]).toEqual([exitCode, exitCode]);
    const { error } = JSON.parse(programs.stdout) as Told;
    expect(people.stderr).toContain(`[${error.code}] ${error.message}`);
    expect(programs.stderr).toBe("");
    return error;
  }

  test("a command that is not in the image", async () => {
    await shop.configure({ command: "[/bin/busybux]" });
    expect(await refused()).toMatchObject({
      code: "command_missing",
      message: 'The command "/bin/busybux" is not in the image.',
      hint: 'Did you mean "/bin/busybox"?',
      problems: [{ place: { file: join(shop.folder, "kiln.yaml"), line: expect.any(Number) } }],
    });
  });

  test("a command of a job that is not in the image, before anything is made, and with its place", async () => {
    await shop.configure({ more: "jobs: { after: [{ name: smoke, command: [nosuchprog] }] }\n" });
    const text = readFileSync(join(shop.folder, "kiln.yaml"), "utf8");
    const line = text.split("\n").findIndex((written) => written.includes("nosuchprog")) + 1;
    const problem = { place: { line }, message: "`jobs.after[0].command` names it." };
    expect(await refused()).toMatchObject({
      code: "command_missing",
      message: 'The command "nosuchprog" of job smoke is not in the image.',
      problems: [problem],
    });
    for (const command of whyNoServers() === undefined ? ["plan", "deploy"] : []) {
      const { code, stdout } = await kiln.run([command, "--json"], { cwd: shop.folder });
      expect([code, (JSON.parse(stdout) as Told).error.code]).toEqual([2, "command_missing"]);
    }
  });

  test("a program whose loader is not in the image", async () => {
    await copyFile(process.execPath, join(shop.folder, "program"));
    await shop.configure({ files: ["{ from: ./program, to: /program }"], command: "[/program]" });
    expect(await refused()).toMatchObject({
      code: "command_missing",
      message: expect.stringMatching(
        /^The command "\/program" is dynamically linked: the kernel loads it with "\/lib.*", which is not in the image\.$/,
      ),
      hint: expect.stringContaining("Link it statically"),
    });
    await rm(join(shop.folder, "program"));
  });

  test("a file that is missing, with its place in kiln.yaml", async () => {
    await shop.configure({ files: ["{ from: ./nowhere, to: /nowhere }"] });
    const { code, ...rest } = (await refused()) as Told["error"] & { readonly problems: readonly object[] };
    expect(code).toBe("spec_invalid");
    expect(rest.problems).toMatchObject([
      { place: { line: 8 }, message: "./nowhere does not exist; expected a file or a folder." },
    ]);
  });

  test("a socket, a pipe, a device and a link out of the project", async () => {
    await shop.configure({});
    const odd = join(shop.folder, "www/odd");
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(odd, resolve));
    const odds = async () =>
      ((await refused()) as Told["error"] & { readonly problems: readonly object[] }).problems;
    expect(await odds()).toMatchObject([
      { place: { file: odd }, message: expect.stringContaining("a socket") },
    ]);
    await new Promise((resolve) => socket.close(resolve));
    await exec(["mkfifo", odd]);
    expect(await odds()).toMatchObject([
      { place: { file: odd }, message: expect.stringContaining("a fifo") },
    ]);
    await rm(odd);
    await symlink(import.meta.filename, odd);
    expect(await refused()).toMatchObject({ code: "path_escapes" });
    await rm(odd);
  });

  test("a package that no source has, and packages that conflict", async () => {
    const build = async (packages: string) => {
      const folder = await kiln.project({
        "kiln.yaml": `service: deb\nimage: { from: "debian:bookworm", packages: [${packages}], command: [sh] }\n`,
      });
      const ran = await kiln.run(["build", "--json"], { cwd: folder });
      expect(ran.code).toBe(2);
      expect(await readdir(folder)).toEqual(["kiln.yaml"]); // no half a lock
      return (JSON.parse(ran.stdout) as Told).error;
    };
    expect(await build("nginxx")).toMatchObject({
      code: "package_unknown",
      hint: expect.stringContaining("nginx"),
    });
    const { code, message } = await build("exim4-daemon-light, postfix");
    expect(code).toBe("package_conflict");
    expect(message).toMatch(/exim4.*Conflicts.*postfix|postfix.*Conflicts/);
  });

  test("a state folder that cannot be one", async () => {
    await shop.configure({});
    const told = async (home: string, command = "build") => {
      const { code, stdout } = await kiln.run([command, "--json"], {
        cwd: shop.folder,
        env: { KILN_HOME: home },
      });
      return [code, (JSON.parse(stdout) as Told).error] as const;
    };
    const long = `/tmp/${"x".repeat(80)}`;
    expect(await told(long)).toMatchObject([
      2,
      { code: "state_path_too_long", message: expect.stringContaining("85 bytes") },
    ]);
    const file = join(kiln.home, "../file");
    await writeFile(file, "");
    for (const command of ["build", "status"]) {
      expect(await told(join(file, "s"), command)).toMatchObject([3, { code: "state_unwritable" }]);
      expect(await told("/proc/kiln", command)).toMatchObject([3, { code: "state_unwritable" }]);
    }
  });

  test("Ctrl-C and SIGTERM leave nothing half done, and the next build is as though they had not been", async () => {
    const big = join(shop.folder, "www/big");
    const content = Buffer.alloc(48 << 20, "kiln");
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      await writeFile(big, Buffer.concat([Buffer.from(signal), content]));
      let sent: Promise<void> | undefined;
      const writing = async () => {
        const names = await readdir(join(kiln.home, "images/temporary")).catch(() => []);
        return names.length > 0;
      };
      const { code, stdout } = await kiln.run(["build", "--json"], {
        cwd: shop.folder,
        started: (pid) => {
          sent = waitUntil(writing, 20_000, "a layer is being written").then(
            () => void process.kill(pid, signal),
          );
        },
      });
      await sent;
      expect([code, (JSON.parse(stdout) as Told).error.code]).toEqual([1, "cancelled"]);
      expect(await readdir(join(kiln.home, "images/temporary"))).toEqual([]);
    }
    expect(await kiln.json(["images"])).toEqual([]);
    await rm(big);
    expect(await kiln.json(["build"], { cwd: shop.folder })).toMatchObject({ version: "1", changed: true });
  });

  test("two builds at once give one image", async () => {
    await shop.setPage("two");
    const built = await Promise.all(
      [1, 2, 3].map(() => kiln.json<{ digest: string; version: string }>(["build"], { cwd: shop.folder })),
    );
    expect(new Set(built.map(({ digest, version }) => `${version} ${digest}`)).size).toBe(1);
    expect((await kiln.json<readonly object[]>(["images", "shop"])).length).toBe(2);
  });

  const why = whyNoServers();
  if (why !== undefined) console.log(`Skipped: a build without root, because ${why}.`);
  test.skipIf(why !== undefined)(
    "without root: a build works, what cannot be read is named, a deploy says what to do",
    async () => {
      const home = join(kiln.home, "../nobody");
      await mkdir(home);
      await chown(home, 65534, 65534);
      await chmod(join(kiln.home, ".."), 0o755);
      const asNobody = (...args: readonly string[]) =>
        exec(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", kilnPath, ...args, "--json"], {
          cwd: shop.folder,
          accept: "any",
          env: { HOME: home, KILN_HOME: join(home, "s"), NODE_COMPILE_CACHE: join(home, "cache") },
        });
      const page = join(shop.folder, "www/index.html");
      await chmod(page, 0o600);
      const unreadable = await asNobody("build");
      expect(unreadable.code).toBe(2);
      expect((JSON.parse(unreadable.stdout) as Told).error).toMatchObject({
        code: "file_unreadable",
        message: "A path of the project cannot go into the image.",
        problems: [{ place: { file: page }, message: "It is not readable: no permission." }],
      });
      await chmod(page, 0o644);
      expect((await asNobody("build")).code).toBe(0);
      const deploy = await asNobody("deploy");
      expect(deploy.code).toBe(3);
      expect((JSON.parse(deploy.stdout) as Told).error).toMatchObject({
        code: "not_root",
        hint: "Run kiln as root, or with sudo.",
      });
      await asNobody("controller", "stop");
      expect(readFileSync(join(home, "s/controller.log"), "utf8")).toContain("the controller has stopped");
    },
  );
});
