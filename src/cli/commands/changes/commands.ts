import type { Command } from "commander";
import {
  command,
  expectRelease,
  expectRollout,
  following,
  fromFile,
  group,
  type LoadCommand,
  planHelp,
  reasonHelp,
  theOne,
} from "../../program/declare.ts";
import { parseCount, parseExpected, parseRelease } from "../../program/numbers.ts";

export function addChangeCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Change services:");
  fromFile(
    command(
      program,
      "rollback",
      "return to the last good release, or to a given one",
      "kiln rollback",
      "kiln rollback 6",
      "kiln rollback --service shop",
    ),
  )
    .argument("[RELEASE]", "the number of the release; default: the last good one", parseRelease)
    .option("-s, --service <SERVICE>", theOne)
    .option("--with-data", "put back the data of that release too; what was written since is lost")
    .option("-y, --yes", "do not ask before data is replaced")
    .option("--no-wait", "return as soon as the rollout has started")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(async () => (await import("./rollback.ts")).run));
  fromFile(
    command(program, "scale", "change the number of servers", "kiln scale 5", "kiln scale 5 --service shop"),
  )
    .argument("<N>", "the number of servers, 0 to 1000", parseCount)
    .option("-s, --service <SERVICE>", theOne)
    .option("--no-wait", "do not wait until the servers are ready")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(async () => (await import("./scale.ts")).run));
  fromFile(
    command(
      program,
      "remove",
      "remove a service and everything it has on the machine",
      "kiln remove",
      "kiln remove shop --yes",
    ),
  )
    .argument("[SERVICE]", theOne)
    .option("-y, --yes", "do not ask for confirmation")
    .option("--volumes", "remove its volumes with all their data, too")
    .option("--no-wait", "do not wait until the service is gone")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(async () => (await import("./remove.ts")).run));
  fromFile(
    command(
      program,
      "move",
      "move a service to another target",
      "kiln move shop --target prod-eu --plan",
      "kiln move shop --target prod-eu",
      "kiln move shop --finish",
      "kiln move shop --give-up dead --plan",
    ),
  )
    .argument("[SERVICE]", theOne)
    .option("--target <TARGET>", "where it is to be: its servers come up there and wait")
    .option("--finish", "hand it over to its servers there")
    .option("--abort", "leave it where it is")
    .option("--give-up <TARGET>", "give up what may still run on a dead target that it has left")
    .option("--no-wait", "do not wait until its servers there are ready, or it is handed over")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(async () => (await import("./move.ts")).run));
  const release = group(program, "release", "keep releases");
  fromFile(
    command(
      release,
      "keep",
      "keep a release and its image, however old they become",
      'kiln release keep 41 --reason "before the migration"',
      "kiln release keep 41 --undo",
    ),
  )
    .argument("<RELEASE>", "the number of the release", parseRelease)
    .option("-s, --service <SERVICE>", theOne)
    .option("--undo", "no longer")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./keep.ts")).keep));
  const rollout = group(program, "rollout", "show and control rollouts");
  following(
    command(
      rollout,
      "show",
      "show the running rollout, or the last one",
      "kiln rollout show",
      "kiln rollout show shop -f",
    ),
  )
    .argument("[SERVICE]", theOne)
    .action(load(async () => (await import("./rollout.ts")).show));
  fromFile(command(rollout, "pause", "pause the running rollout in its present state", "kiln rollout pause"))
    .argument("[SERVICE]", theOne)
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(async () => (await import("./rollout.ts")).pause));
  fromFile(command(rollout, "resume", "continue a paused rollout", "kiln rollout resume"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until the rollout has ended")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(async () => (await import("./rollout.ts")).resume));
  fromFile(
    command(
      rollout,
      "promote",
      "skip the rest of this step's hold, or approve a manual promotion",
      "kiln rollout promote",
    ),
  )
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until the rollout has ended")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(async () => (await import("./rollout.ts")).promote));
  fromFile(command(rollout, "abort", "roll the running rollout back", "kiln rollout abort"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until it is rolled back")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(async () => (await import("./rollout.ts")).abort));
}
