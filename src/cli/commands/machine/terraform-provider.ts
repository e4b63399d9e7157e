import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { version } from "../../../lib/version.ts";
import { mirrorBlock, requirement, writeMirror } from "../../../terraform-provider/mirror.ts";
import type { Context, Outcome } from "../../context.ts";

/** `kiln terraform-provider`: Terraform and OpenTofu start it. */
export async function run(context: Context): Outcome {
  const { env, clock, output } = context;
  const [{ serve }, { kilnProvider }] = await Promise.all([
    import("../../../terraform-provider/serve.ts"),
    import("../../terraform/provider.ts"),
  ]);
  await serve(kilnProvider(context, process.stderr), {
    ...{ env, nowMs: clock.now() },
    write: (line) => output.raw(line),
  });
  return 0;
}

/** `kiln terraform-provider install`: the folder where Terraform looks by itself, or another one with the block that leads there. */
export async function install(context: Context, { mirror }: { readonly mirror?: string }): Outcome {
  const { cwd, env, output } = context;
  const usual = join(env.HOME || homedir(), ".terraform.d/plugins");
  const folder = mirror === undefined ? usual : resolve(cwd, mirror);
  const file = await writeMirror(folder, version);
  const block = mirror === undefined ? [] : mirrorBlock(folder);
  output.result({ file, configuration: block.join("\n") }, [
    `Wrote ${file}.`,
    ...(block.length === 0
      ? []
      : [
          "",
          "In ~/.terraformrc (OpenTofu: ~/.tofurc), or the file that TF_CLI_CONFIG_FILE names:",
          "",
          ...block,
        ]),
    ...["", "In a configuration:", "", ...requirement(version)],
  ]);
  if (!(await isOnPath("kiln", env.PATH)))
    output.note(
      "There is no `kiln` in the folders of PATH, by which the provider finds it: link it into one of them.",
    );
  return 0;
}

async function isOnPath(program: string, path = ""): Promise<boolean> {
  const { existsSync } = await import("node:fs");
  return path.split(delimiter).some((folder) => existsSync(join(folder, program)));
}
