import { Argument, type Command } from "commander";
import {
  collected,
  command,
  described,
  group,
  intoFile,
  type LoadCommand,
  reasonHelp,
} from "../../program/declare.ts";
import { parsePort } from "../../program/numbers.ts";

export function addMachineCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("This machine:");
  command(
    program,
    "quickstart",
    "demo: build, deploy, change and roll back a real site, in about a minute",
    "kiln quickstart",
    "kiln quickstart --keep",
  )
    .option("-k, --keep", "leave the example running at the end")
    .action(load(async () => (await import("./quickstart.ts")).run));
  command(
    program,
    "doctor",
    "show what Kiln can and cannot do on this machine",
    "kiln doctor",
    "kiln doctor --fix",
  )
    .option("--fix", "install the Debian packages of missing programs first")
    .option("-y, --yes", "do not ask before installing")
    .action(load(async () => (await import("./doctor.ts")).run));
  command(
    program,
    "ui",
    "open the dashboard: prints a link for one browser on this machine",
    "kiln ui",
    "kiln ui --port 8642",
  )
    .option("--port <PORT>", "the port to listen at; default: one that is free", parsePort)
    .action(load(async () => (await import("./ui.ts")).run));
  command(
    program,
    "completion",
    "print the completion of commands, options and names for a shell",
    "source <(kiln completion bash)",
    "kiln completion fish > ~/.config/fish/completions/kiln.fish",
  )
    .addArgument(new Argument("<SHELL>", "bash, zsh or fish").choices(["bash", "zsh", "fish"]))
    .argument("[WORDS...]", "after --: the words of a command line; prints what could come next")
    .action(load(async () => (await import("./completion.ts")).completion(program)));
  command(
    program,
    "api",
    "ask the controller's API for a path, and print the answer as it comes",
    "kiln api GET '/v1/overview?limit=5'",
    "kiln api POST /v1/services/shop/scale --input scale.json",
  )
    .addArgument(new Argument("<METHOD>", "GET or POST").choices(["GET", "POST"]))
    .argument("<PATH>", "as docs/api.md has it, such as /v1/services")
    .option("--input <FILE>", "the JSON to send; - is standard input")
    .action(load(async () => (await import("./api.ts")).run));
  addTerraformProvider(program, load);
  const debug = group(program, "debug", "collect what someone needs to find out what is wrong");
  intoFile(
    command(
      debug,
      "bundle",
      "write versions, checks, status, events and logs into one archive, without secrets",
      "kiln debug bundle",
      "kiln debug bundle --output - | tar -tz",
    ),
    "the file to write; `-` is standard output; default: kiln-debug.tar.gz",
  ).action(load(async () => (await import("./debug.ts")).bundle));
  const controller = group(program, "controller", "start, stop or inspect the controller");
  command(controller, "start", "start the controller in the background").action(
    load(async () => (await import("./controller.ts")).start),
  );
  command(controller, "stop", "stop the controller; servers and router keep running").action(
    load(async () => (await import("./controller.ts")).stop),
  );
  command(controller, "status", "show whether the controller runs; exit code 1 if not").action(
    load(async () => (await import("./controller.ts")).status),
  );
  command(
    controller,
    "listen",
    "open this controller to the network, with TLS 1.3, also after a restart",
    "kiln controller listen :7443 --host kiln.example.com",
    "kiln controller listen --off",
  )
    .argument("[ADDRESS]", "where to listen, such as :7443 or 192.0.2.1:7443")
    .option("--host <NAME>", "a name by which clients reach it; repeatable", collected)
    .option("--off", "close it to the network; tokens stay")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./listen.ts")).run));
  metered(command(controller, "run", "run the controller in the foreground, for service managers"))
    .option("--setup <FILE>", "what it has from the start: targets, and where it listens; for pods")
    .action(load(async () => (await import("./controller.ts")).run));
  metered(
    command(
      controller,
      "unit",
      "print a systemd unit",
      "kiln controller unit > /etc/systemd/system/kiln.service",
      "kiln controller unit --metrics 127.0.0.1:9645",
    ),
  ).action(load(async () => (await import("./controller.ts")).unit));
}

/** Terraform starts a plugin without arguments. */
function addTerraformProvider(program: Command, load: LoadCommand): void {
  const provider = group(program, "terraform-provider", "the provider for Terraform and OpenTofu");
  described(
    provider.command("serve", { isDefault: true }),
    "serve the Terraform or OpenTofu that starts this command",
  ).action(load(async () => (await import("./terraform-provider.ts")).run));
  command(
    provider,
    "install",
    "write the folder in which Terraform and OpenTofu find the provider",
    "kiln terraform-provider install",
    "kiln terraform-provider install --mirror ./providers",
  )
    .option("--mirror <DIR>", "the folder to write; default: ~/.terraform.d/plugins")
    .action(load(async () => (await import("./terraform-provider.ts")).install));
}

/** A command for a controller that serves metrics over TCP too. */
function metered(command: Command): Command {
  return command.option("--metrics <ADDRESS>", "also serve /metrics on this loopback address and port");
}
