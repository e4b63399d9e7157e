import type { Command } from "commander";
import {
  breakGlassHelp,
  command,
  expectRelease,
  fromFile,
  type LoadCommand,
  reasonHelp,
} from "../../program/declare.ts";
import { parseExpected, parsePlanPath } from "../../program/numbers.ts";

const everyService = "every service of every kiln.yaml in the folder and below; default: the current folder";

export function addProjectCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Make and deploy:");
  const which = "the service, if kiln.yaml has several";
  command(
    program,
    "init",
    "write a commented kiln.yaml for this folder",
    "kiln init",
    "kiln init --from docker-compose.yml",
    "kiln init --from config/deploy.yml",
  )
    .option("--from <FILE>", "take over a Compose file, or a config/deploy.yml of Kamal")
    .action(load(async () => (await import("./init.ts")).run));
  fromFile(command(program, "build", "build a service's image", "kiln build", "kiln build --update"))
    .argument("[SERVICE]", which)
    .option("-u, --update", "resolve the packages again and write kiln.lock")
    .action(load(async () => (await import("./build.ts")).run));
  fromFile(
    command(
      program,
      "plan",
      "show what `kiln deploy` would do, and why",
      "kiln plan",
      "kiln plan --env staging",
      "kiln plan --all",
      "kiln plan --out shop.plan && kiln deploy shop.plan",
      "kiln plan --manifests | kubectl apply --dry-run=server -f -",
    ),
  )
    .argument("[SERVICE]", which)
    .option("--all [FOLDER]", everyService)
    .option("--out <FILE>", "also write the plan to a file, for `kiln deploy FILE`", parsePlanPath)
    .option("--force", "replace an existing file")
    .option("--manifests", "print the objects that the cluster would be given, as YAML")
    .action(load(async () => (await import("./plan.ts")).run));
  fromFile(
    command(
      program,
      "deploy",
      "build an image, create a release, and roll it out",
      "kiln deploy",
      "kiln deploy --env staging",
      "kiln deploy --no-wait",
      "kiln deploy --all ./services",
      "kiln deploy shop.plan",
    ),
  )
    .argument("[SERVICE|FILE]", `${which}; or a file of \`kiln plan --out\``)
    .option("--all [FOLDER]", everyService)
    .option("--image <VERSION|DIGEST>", "deploy this image instead of building one")
    .option("--no-wait", "return as soon as the rollout has started")
    .option("--supersede", "end a running rollout and start this one")
    .option("--reason <TEXT>", reasonHelp)
    .option("--break-glass", breakGlassHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(async () => (await import("./deploy.ts")).run));
  command(
    program,
    "validate",
    "check kiln.yaml with all its environments; builds nothing",
    "kiln validate",
    "kiln validate -f services/shop/kiln.yaml",
  )
    .option("-f, --file <FILE>", "the file to use instead of ./kiln.yaml")
    .action(load(async () => (await import("./validate.ts")).run));
  command(
    program,
    "explain",
    "say what a key of kiln.yaml or the code of an error means",
    "kiln explain health.http",
    "kiln explain port_taken",
  )
    .argument("<KEY|CODE>", "such as rollout.strategy, or port_taken")
    .action(load(async () => (await import("./explain.ts")).run));
  command(program, "schema", "print the JSON Schema of kiln.yaml", "kiln schema > kiln.schema.json").action(
    load(async () => (await import("./schema.ts")).run),
  );
}
