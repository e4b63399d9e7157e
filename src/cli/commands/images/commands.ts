import type { Command } from "commander";
import { command, group, type Load } from "../../declare.ts";

export function addImageCommands(program: Command, load: Load): void {
  program.commandsGroup("Images:");
  command(program, "images", "list images, and the releases that use them", "kiln images", "kiln images shop")
    .argument("[SERVICE]", "only images of this service")
    .action(load(async () => (await import("./images.ts")).run));
  const image = group(program, "image", "remove images");
  command(
    image,
    "rm",
    "remove images that no kept release uses",
    "kiln image rm shop:1.4.0",
    "kiln image rm sha256:4f1c...",
  )
    .argument("<IMAGE...>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .action(load(async () => (await import("./remove.ts")).run));
  command(program, "gc", "remove images and cached data that nothing uses", "kiln gc").action(
    load(async () => (await import("./gc.ts")).run),
  );
}
