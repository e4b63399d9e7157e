import { type Command, Option } from "commander";
import { webhookFormats } from "../../../domain/webhook.ts";
import { collected, command, group, type LoadCommand, reasonHelp } from "../../program/declare.ts";
import { parseSequence } from "../../program/numbers.ts";

const theWebhook = "a webhook, as in `kiln webhook ls`";

export function addWebhookCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Messages:");
  const webhook = group(program, "webhook", "send events to chats and programs");
  command(webhook, "ls", "list webhooks, and what each has yet to receive", "kiln webhook ls").action(
    load(async () => (await import("./webhook.ts")).list),
  );
  command(
    webhook,
    "add",
    "send events to an address; its URL and headers come from standard input",
    "kiln webhook add pipeline < url.txt",
    "kiln webhook add traces --format otlp < collector.txt",
    'kiln webhook add team --format slack --services "*.production" < url.txt',
  )
    .argument("<NAME>", "a name of your own: lower-case letters, digits and `-`")
    .addOption(
      new Option(
        "--format <FORMAT>",
        "cloudevents: for programs; otlp: traces of rollouts; github-deployment: deployments of commits; the others: for people",
      )
        .choices(webhookFormats)
        .default("cloudevents"),
    )
    .option("--kinds <PATTERN>", "only events of this kind, such as rollout.*; several times", collected)
    .option(
      "--services <PATTERN>",
      "only events of this service, such as *.production; several times",
      collected,
    )
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).add));
  command(
    webhook,
    "test",
    "send a webhook one message, and see whether it takes it",
    "kiln webhook test team",
  )
    .argument("<NAME>", theWebhook)
    .action(load(async () => (await import("./webhook.ts")).test));
  command(
    webhook,
    "replay",
    "send a webhook old events again, or skip an event that it refuses",
    "kiln webhook replay pipeline --from 120",
  )
    .argument("<NAME>", theWebhook)
    .requiredOption("--from <SEQUENCE>", "the first event to send, as in `kiln audit`", parseSequence)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).replay));
  command(
    webhook,
    "rotate",
    "give a webhook a new secret; for a day both sign",
    "kiln webhook rotate pipeline",
  )
    .argument("<NAME>", theWebhook)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).rotate));
  command(webhook, "rm", "remove a webhook", "kiln webhook rm team")
    .argument("<NAME>", theWebhook)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).remove));
}
