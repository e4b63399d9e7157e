import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildImage } from "../../build.ts";
import { imageStore, readConfig, readManifest } from "../../store/image-store.ts";
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
    expect(await build(shop, "web.pkr.hcl")).toMatchObject({ digest: one.digest, changed: false });
    const before = lock();
    const again = await build(shop, "web.pkr.hcl", { updateLock: true });
    expect([again.digest, lock()]).toEqual([one.digest, before]);
  },
);
