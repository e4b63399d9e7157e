import type { Command } from "commander";
import {
  breakGlassHelp,
  command,
  described,
  expectRelease,
  group,
  type LoadCommand,
  planHelp,
  reasonHelp,
} from "../../program/declare.ts";
import {
  parseCandidate,
  parseDuration,
  parseExpected,
  parsePlan,
  parseRolloutNumber,
} from "../../program/numbers.ts";

const which = "an environment; `none`: services without one";

export function addPolicyCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Policy:");
  command(
    program,
    "promote",
    "bring the image that serves in one environment to the next one",
    "kiln promote shop --to staging",
    "kiln promote shop --to production --plan",
  )
    .argument("[SERVICE]", "the service's name; default: the one in ./kiln.yaml")
    .requiredOption("--to <ENVIRONMENT>", "an environment of the service's ladder")
    .option("-f, --file <FILE>", "the file to use instead of ./kiln.yaml")
    .option(
      "--candidate <NUMBER>",
      "this candidate, as in `kiln candidate ls`; default: the one that serves in the environment below",
      parseCandidate,
    )
    .option("--no-wait", "return as soon as the rollout has started")
    .option("--supersede", "end a running rollout and start this one")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--break-glass", breakGlassHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(async () => (await import("./promote.ts")).promote));
  const candidate = group(program, "candidate", "show what can be promoted");
  command(candidate, "ls", "list candidates, and where they serve", "kiln candidate ls shop")
    .argument("[SERVICE]", "the service's name; default: all")
    .action(load(async () => (await import("./promote.ts")).listCandidates));
  const freeze = group(
    program,
    "freeze",
    "let no deploy begin: in an environment, of a service, or anywhere",
  );
  described(
    freeze.command("start", { isDefault: true }),
    "let no deploy begin from now on; `start` may be left out",
    'kiln freeze production --reason "incident 12" --for 4h',
    'kiln freeze --service shop --reason "the database is moving"',
  )
    .argument("[ENVIRONMENT]", which)
    .option("-s, --service <SERVICE>", "only this service, such as shop.production")
    .option("--all", "the whole installation")
    .option(
      "--for <DURATION>",
      "how long, such as 30m, 4h or 2d; default: until someone lifts it",
      parseDuration,
    )
    .requiredOption("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./freeze.ts")).freeze));
  command(freeze, "ls", "list freezes", "kiln freeze ls").action(
    load(async () => (await import("./freeze.ts")).list),
  );
  command(program, "unfreeze", "lift a freeze", "kiln unfreeze production", "kiln unfreeze 3")
    .argument("[ENVIRONMENT|NUMBER]", `${which}; or the number of a freeze`)
    .option("-s, --service <SERVICE>", "the freeze of this service")
    .option("--all", "the freeze of the whole installation")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./freeze.ts")).unfreeze));
  const policy = group(program, "policy", "say what must hold before a rollout begins");
  command(
    policy,
    "show",
    "print the policy file, freezes, and rollouts that began against them",
    "kiln policy show",
  ).action(load(async () => (await import("./policy.ts")).show));
  command(policy, "set", "set the policy file, in place of the one before", "kiln policy set policy.yaml")
    .argument("<FILE>", "the file, YAML")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./policy.ts")).set));
  command(policy, "remove", "remove the policy file", "kiln policy remove")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./policy.ts")).remove));
  command(
    policy,
    "test",
    "say what a policy file would have said of each recorded deploy",
    "kiln policy test policy.yaml",
  )
    .argument("<FILE>", "the file, YAML")
    .action(load(async () => (await import("./policy.ts")).testFile));
  command(
    program,
    "approve",
    "say yes to exactly this plan, for policies that ask for approvals",
    "kiln promote shop --to production --plan",
    "kiln approve sha256:…",
  )
    .argument("<PLAN>", "the digest of a plan that you have seen", parsePlan)
    .option("-s, --service <SERVICE>", "only a plan of this service, such as shop.production, counts")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./policy.ts")).approve));
  command(
    program,
    "review",
    "say that you have looked at a rollout that someone else began against policies",
    'kiln review 7 --reason "The fix was right; the freeze was for the other cluster."',
  )
    .argument("<ROLLOUT>", "its number, as in `kiln policy show`", parseRolloutNumber)
    .requiredOption("--reason <TEXT>", "what you found, for the event log")
    .action(load(async () => (await import("./policy.ts")).review));
}
