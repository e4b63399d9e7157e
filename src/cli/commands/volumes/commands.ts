import type { Command } from "commander";
import {
  command,
  fromFile,
  group,
  intoFile,
  type LoadCommand,
  reasonHelp,
  theOne,
} from "../../program/declare.ts";

const name = "the name, as in kiln.yaml";
const yes = "do not ask";

export function addVolumeCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Data:");
  const volume = group(program, "volume", "list, copy, restore or remove the data that stays");
  fromFile(command(volume, "ls", "list volumes with their size and their servers", "kiln volume ls"))
    .argument("[SERVICE]", "a service; default: the one in ./kiln.yaml, else all")
    .action(load(async () => (await import("./look.ts")).list));
  fromFile(command(volume, "show", "print a volume with its snapshots", "kiln volume show data db"))
    .argument("<NAME>", name)
    .argument("[SERVICE]", theOne)
    .action(load(async () => (await import("./look.ts")).show));
  fromFile(command(volume, "snapshot", "keep what a volume has in it now", "kiln volume snapshot data db"))
    .argument("<NAME>", name)
    .argument("[SERVICE]", theOne)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./change.ts")).snapshot));
  fromFile(
    command(
      volume,
      "restore",
      "put a snapshot in place of the data that is there",
      "kiln scale 0 --service db && kiln volume restore data 20261129-165000-3fa db",
    ),
  )
    .argument("<NAME>", name)
    .argument("<SNAPSHOT>", "a snapshot, as `kiln volume show` lists it")
    .argument("[SERVICE]", theOne)
    .option("-y, --yes", yes)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./change.ts")).restore));
  addTransfers(volume, load);
  fromFile(command(volume, "rm", "remove a volume that no server has", "kiln volume rm data db"))
    .argument("<NAME>", name)
    .argument("[SERVICE]", theOne)
    .option("--snapshot <ID>", "remove only this snapshot")
    .option("-y, --yes", yes)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./change.ts")).remove));
}

function addTransfers(volume: Command, load: LoadCommand): void {
  intoFile(
    fromFile(
      command(volume, "export", "write the data of a volume as a tar archive", "kiln volume export data db"),
    ),
    "the file to write, or - for stdout; default: SERVICE-NAME.tar",
  )
    .argument("<NAME>", name)
    .argument("[SERVICE]", theOne)
    .option("--snapshot <ID>", "this snapshot instead of the data as it is now")
    .action(load(async () => (await import("./transfer.ts")).exportVolume));
  fromFile(
    command(
      volume,
      "import",
      "put a tar archive in place of the data that is there",
      "kiln volume import data db-data.tar db",
    ),
  )
    .argument("<NAME>", name)
    .argument("<FILE>", "the archive, or - for stdin")
    .argument("[SERVICE]", theOne)
    .option("-y, --yes", yes)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./transfer.ts")).importVolume));
}
