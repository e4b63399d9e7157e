import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemPath } from "../../src/lib/process/environment.ts";
import { type ExecResult, exec } from "../../src/lib/process/exec.ts";
import { requireProgram } from "../../src/platform/terraform/workplace.ts";
import { type Installation, install, kilnPath, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? whyNoTerraform();
if (why !== undefined) console.log(`Skipped: Kiln's provider for Terraform, because ${why}.`);

function whyNoTerraform(): string | undefined {
  try {
    requireProgram();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** What stays out of every state. */
const password = "hunter2-in-the-environment";

/** A project, and a configuration of Terraform that deploys it, as a user has them. */
class Configuration implements AsyncDisposable {
  declare kiln: Installation;
  declare shop: LittleService;
  declare folder: string;
  declare env: Readonly<Record<string, string>>;

  async open(): Promise<void> {
    this.kiln = await install();
    this.shop = await littleService(this.kiln, "shop", { servers: `, env: { PASSWORD: ${password} }` });
    this.folder = await this.kiln.project({ "main.tf": this.text() });
    const own = dirname(this.kiln.home);
    const { configuration } = await this.kiln.json<{ readonly configuration: string }>([
      ...["terraform-provider", "install", "--mirror", join(own, "mirror")],
    ]);
    await writeFile(join(own, "terraformrc"), configuration);
    await mkdir(join(own, "tmp"));
    this.env = {
      ...{ PATH: `${dirname(kilnPath)}:${systemPath}`, HOME: own, TMPDIR: join(own, "tmp") },
      ...{ KILN_HOME: this.kiln.home, TF_CLI_CONFIG_FILE: join(own, "terraformrc"), CHECKPOINT_DISABLE: "1" },
    };
  }

  text(more = ""): string {
    return `
      terraform {
        required_providers { kiln = { source = "kiln.internal/kiln/kiln" } }
      }
      resource "kiln_service" "shop" { project = ${JSON.stringify(this.shop.folder)} }
      ${more}
    `;
  }

  write(more: string): Promise<void> {
    return writeFile(join(this.folder, "main.tf"), this.text(more));
  }

  run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ExecResult> {
    return exec([requireProgram(), ...words, "-no-color"], {
      ...{ cwd: this.folder, env: { ...this.env, ...env }, accept: "any", timeoutMs: 240_000 },
    });
  }

  async ok(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(words);
    expect(stderr.replaceAll(/^.*TF_LOG.*$/gm, "").trim(), stdout).toBe("");
    expect(code, stdout).toBe(0);
    return stdout;
  }

  /** What Terraform says when it fails, without the frame and the breaks of its lines. */
  async fails(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(words, env);
    expect(code, stdout).toBe(1);
    return stderr.replaceAll("│", " ").replaceAll(/\s+/g, " ");
  }

  /** 0 for no changes, 2 for some. */
  async plan(...words: readonly string[]): Promise<readonly [code: number, text: string]> {
    const { code, stdout, stderr } = await this.run(["plan", "-detailed-exitcode", ...words]);
    return [code, stdout + stderr];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await readdir(this.env.TMPDIR ?? "");
    await this.kiln[Symbol.asyncDispose]();
    expect(left).toEqual([]);
  }
}

describe.skipIf(why !== undefined)("Terraform with the provider that Kiln serves", () => {
  const here = new Configuration();
  beforeAll(() => here.open(), 120_000);
  afterAll(() => here[Symbol.asyncDispose](), 300_000);

  test("an apply deploys and waits; a plan after it finds nothing, and the state has no secret", async () => {
    await here.ok("init");
    await here.write(`
      output "release" { value = kiln_service.shop.release }
      data "kiln_image" "shop" {
        service = "shop"
        tag     = kiln_service.shop.version
      }
      output "is_the_same" { value = data.kiln_image.shop.digest == kiln_service.shop.image_digest }
      resource "kiln_target" "north" {
        name     = "north"
        platform = "docker"
        options  = { socket = ${JSON.stringify(join(here.folder, "none.sock"))} }
      }
    `);
    const [code, text] = await here.plan();
    expect(code, text).toBe(2);
    expect(text).toMatch(/\+ release += \(known after apply\)/);
    expect(text).toMatch(/\+ image_digest += "sha256:[0-9a-f]{64}"/);
    expect(await here.ok("apply", "-auto-approve")).toMatch(/is_the_same = true\nrelease = 1/);
    expect(await here.shop.page()).toBe("one");
    expect(await here.plan()).toEqual([0, expect.stringContaining("No changes.")]);
    expect(await readFile(join(here.folder, "terraform.tfstate"), "utf8")).not.toContain(password);
  });

  test("what others change is drift, and the next apply takes it back", async () => {
    await here.kiln.ok(["scale", "--service", "shop", "1"]);
    const [code, text] = await here.plan("-refresh-only");
    expect([code, text]).toEqual([2, expect.stringMatching(/~ servers += 2 -> 1/)]);
    await here.ok("apply", "-auto-approve");
  });

  test("a rollout that fails is the error, and what serves stays in the state", async () => {
    await here.shop.configure({ behaviour: "exits at once" });
    const said = await here.fails(["apply", "-auto-approve"]);
    expect(said).toMatch(/Error: Rolled back shop, release 2 -> 1, after .*exited with code 7/);
    expect(said).toMatch(/Release 1 serves as before\..*giving up/);
    await here.shop.configure({ behaviour: "serves" });
    expect((await here.plan())[0]).toBe(0);
  });

  test("errors of the project, the controller and the provider name what to do", async () => {
    const yaml = await readFile(join(here.shop.folder, "kiln.yaml"), "utf8");
    await writeFile(join(here.shop.folder, "kiln.yaml"), yaml.replace("port: 8080", "port: web"));
    expect(await here.fails(["plan"])).toMatch(/kiln\.yaml:\d+:\d+: .*port/);
    await writeFile(join(here.shop.folder, "kiln.yaml"), yaml);
    const nowhere = join(here.folder, "no.sock");
    expect(await here.fails(["plan"], { KILN_CONTROLLER: nowhere })).toMatch(
      /Error: No controller answers at .*no\.sock/,
    );
  });

  test("an import takes over what serves, a second resource does not, and a destroy removes it", async () => {
    await here.ok("state", "rm", "kiln_service.shop");
    await here.write("");
    expect(await here.fails(["apply", "-auto-approve"])).toMatch(
      /Error: The service shop is there already: release 1 serves\..*`terraform import ADDRESS shop`/,
    );
    expect(await here.fails(["import", "kiln_service.shop", "shap"])).toMatch(/Did you mean shop\?/);
    await here.ok("import", "kiln_service.shop", "shop");
    expect(await here.ok("apply", "-auto-approve")).toMatch(/0 added, 1 changed, 0 destroyed/);
    expect((await here.plan())[0]).toBe(0);
    expect(await here.ok("destroy", "-auto-approve")).toMatch(/1 destroyed/);
    expect(await here.kiln.json(["status"])).toEqual([]);
    expect((await here.kiln.json<readonly unknown[]>(["target", "ls"])).length).toBe(1);
  });
});
