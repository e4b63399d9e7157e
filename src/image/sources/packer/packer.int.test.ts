import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildImage } from "../../build.ts";
import { imageStore, readConfig, readManifest } from "../../store/image-store.ts";
import { basesIn } from "../../store/images.ts";
import { serviceSpec, type Workshop, workshop } from "../../test-kit.ts";
import { filesOf, registryWithShell } from "../built/testing.ts";

const missing = ["docker-registry", "packer", "buildah", "runc"].filter(
  (one) => spawnSync("which", [one]).status !== 0,
);
if (process.getuid?.() !== 0) missing.push("root");
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

let registry: Awaited<ReturnType<typeof registryWithShell>>;

beforeAll(async () => {
  if (missing.length === 0)
    registry = await registryWithShell(["sh", "cat", "id", "chmod", "chown", "rm", "sleep"]);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});

function build(shop: Workshop, name: string, more: object = {}, args?: Readonly<Record<string, string>>) {
  const from = { kind: "packer", path: join(shop.project, name), build: undefined } as const;
  const image = { from, command: undefined, ...(args === undefined ? {} : { args }) };
  return buildImage(serviceSpec(image), { ...shop.options, ...more });
}

const template = (steps: string, source = "commit = true") => `
packer {
  required_plugins {
    docker = {
      source  = "github.com/hashicorp/docker"
      version = ">= 1.0" # }
    }
  }
}
variable "greeting" {
  type    = string
  default = "hello"
}
source "docker" "web" {
  image = "${registry.base}"
  exec_user = "root"
  ${source}
}
source "amazon-ebs" "web" {
  region = "eu-central-1"
}
build {
  sources = ["source.docker.web", "source.amazon-ebs.web"]
  ${steps}
}
`;

const steps = `
  provisioner "file" {
    source      = "app.txt"
    destination = "/app.txt"
  }
  provisioner "shell-local" {
    inline = ["id -u > ids; cat /proc/self/uid_map >> ids; ls -a > seen; touch /etc/kiln-packer-was-here || true"]
  }
  provisioner "file" {
    sources     = ["ids", "seen"]
    destination = "/"
  }
  provisioner "shell" {
    inline = ["cat /app.txt > /made", "echo \${var.greeting} >> /made", "cat /proc/net/dev > /net", "chmod 755 /made"]
  }
  post-processor "docker-tag" {
    repository = "shop/web"
    tags       = ["1"]
  }
`;

test.skipIf(missing.length > 0)(
  "a template with provisioners becomes an image that kiln.lock pins",
  async () => {
    using shop = workshop();
    shop.write("app.txt", "from a file\n");
    for (const name of ["ids", "seen"]) shop.write(name, "");
    shop.write(".env", "PASSWORD=x");
    shop.write("web.pkr.hcl", template(steps, 'commit = true\n  changes = ["CMD [\\"/made\\"]", "ENV A=b"]'));
    const one = await build(shop, "web.pkr.hcl");
    const files = await filesOf(shop, one.digest);
    expect(files.made).toBe("from a file\nhello\n");
    expect(files.net?.match(/^ *\w+:/gm)?.map((name) => name.trim())).toEqual(["lo:"]);
    const [uid, map] = files.ids?.trim().split("\n") ?? [];
    expect([uid, map?.trim().split(/ +/)]).toEqual(["0", ["0", String(0x7040_0000), "65536"]]);
    expect(files.seen?.split("\n")).not.toContain(".env");
    expect(readdirSync("/etc")).not.toContain("kiln-packer-was-here");
    const store = imageStore(shop.state);
    expect(readConfig(store, readManifest(store, one.digest)).config).toMatchObject({
      Cmd: ["/made"],
      Env: expect.arrayContaining(["A=b"]),
    });
    const lock = () => JSON.parse(readFileSync(join(shop.project, "kiln.lock"), "utf8"));
    expect([Object.keys(lock().bases), Object.keys(lock().builds)]).toEqual([
      [registry.base],
      ["packer:web.pkr.hcl"],
    ]);
    expect(basesIn(shop.state, one.digest)).toEqual([lock().bases[registry.base]]);
    expect(await build(shop, "web.pkr.hcl")).toMatchObject({ digest: one.digest, changed: false });
    const before = lock();
    const again = await build(shop, "web.pkr.hcl", { updateLock: true });
    expect([again.digest, lock()]).toEqual([one.digest, before]);
  },
);

test.skipIf(missing.length > 0)(
  "an old template in JSON, with variables, an export and an import",
  async () => {
    using shop = workshop();
    const docker = { type: "docker", image: registry.base, exec_user: "root", export_path: "web.tar" };
    const inline = ["echo {{user `greeting`}} > /made", "chmod 755 /made"];
    const imported = { type: "docker-import", repository: "shop/web", tag: "1", changes: ['CMD ["/made"]'] };
    shop.write(
      "web.json",
      JSON.stringify({
        variables: { greeting: "hello" },
        builders: [docker, { type: "amazon-ebs", name: "aws" }],
        provisioners: [{ type: "shell", inline }],
        "post-processors": [[imported, { type: "docker-push" }]],
      }),
    );
    const notes: string[] = [];
    const progress = (event: { kind: string; text?: string }) => {
      if (event.kind === "note") notes.push(event.text ?? "");
    };
    const { digest } = await build(shop, "web.json", { progress }, { greeting: "for you" });
    expect((await filesOf(shop, digest)).made).toBe("for you\n");
    const store = imageStore(shop.state);
    expect(readConfig(store, readManifest(store, digest)).config?.Cmd).toEqual(["/made"]);
    expect(notes).toEqual([expect.stringMatching(/^Packer's push of shop\/web:1 is left out: /)]);
    await expect(build(shop, "web.json", {}, { greting: "x" })).rejects.toMatchObject({
      ...{ code: "packer_invalid", hint: "Did you mean greeting?" },
    });
  },
);

test.skipIf(missing.length > 0)("faults name the place, and leave nothing", async () => {
  using shop = workshop();
  const fault = async (text: string, args?: Readonly<Record<string, string>>) => {
    shop.write("web.pkr.hcl", text);
    return build(shop, "web.pkr.hcl", {}, args).catch((error: unknown) => error);
  };
  const invalid = (message: RegExp) => ({ code: "packer_invalid", message: expect.stringMatching(message) });
  expect(await fault("source {")).toMatchObject(invalid(/^web\.pkr\.hcl:1: Error: /));
  expect(await fault(template("", "comit = true"))).toMatchObject(
    invalid(/^web\.pkr\.hcl:17: .*Did you mean "commit"\?/s),
  );
  expect(await fault(template(""), { greting: "x" })).toMatchObject(invalid(/variable/));
  expect(await fault(template("", "discard = true"))).toMatchObject({ code: "packer_failed" });
  const failed = 'provisioner "shell" {\n inline = ["echo out of order", "exit 3"]\n}';
  expect(await fault(template(failed))).toMatchObject({
    code: "packer_failed",
    message: expect.stringMatching(/out of order[\s\S]*status: 3/),
  });
  // A link where the result is to be leads the program that keeps it nowhere.
  const link = `provisioner "shell-local" {\n inline = ["cd .. && mkdir out other && ln -s ../other out/blobs"]\n}`;
  expect(await fault(template(link))).toMatchObject({ code: "image_invalid" });
  expect(readdirSync(join(shop.state.home, "images/temporary"))).toEqual([]);
  expect(readdirSync(join(shop.state.home, "cache/packer"))).toEqual(["asked"]);
});

test.skipIf(missing.length > 0)(
  "a build that never ends stops when it is cancelled, with its processes",
  async () => {
    using shop = workshop();
    const mark = `31${process.pid}1`;
    shop.write("web.pkr.hcl", template(`provisioner "shell" {\n inline = ["sleep ${mark}"]\n}`));
    const stop = new AbortController();
    const building = build(shop, "web.pkr.hcl", { signal: stop.signal });
    building.catch(() => {});
    const sleeping = () => spawnSync("pgrep", ["-f", `^sleep ${mark}$`]).status === 0;
    await expect.poll(sleeping, { timeout: 120_000, interval: 50 }).toBe(true);
    stop.abort();
    await expect(building).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(sleeping, { timeout: 60_000, interval: 50 }).toBe(false);
    expect(readdirSync(join(shop.state.home, "images/temporary"))).toEqual([]);
  },
);
