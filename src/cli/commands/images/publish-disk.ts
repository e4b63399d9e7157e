import { resolve } from "node:path";
import type { Cloud } from "../../../image/disk/publish/clouds.ts";
import type { Context, Outcome } from "../../context.ts";

interface PublishOptions {
  readonly to: Cloud;
  readonly name?: string;
  readonly bucket?: string;
  readonly resourceGroup?: string;
  readonly storageAccount?: string;
  readonly container?: string;
  readonly bootKeys?: string;
  readonly run?: boolean;
}

/** `kiln image publish-disk FILE --to CLOUD`. Needs neither root nor Kiln's state, and changes nothing without `--run`. */
export async function run(context: Context, options: PublishOptions, file: string): Outcome {
  const { cwd, signal, output } = context;
  const [{ findDisk }, { planPublishing }, { runSteps, shellLines }] = await Promise.all([
    import("../../../image/disk/publish/found-disk.ts"),
    import("../../../image/disk/publish/clouds.ts"),
    import("../../../image/disk/publish/run-steps.ts"),
  ]);
  const { to, bootKeys, run: isRun = false } = options;
  const disk = await findDisk(resolve(cwd, file));
  const place = { ...options, bootKeys: bootKeys && resolve(cwd, bootKeys) };
  const { name, steps } = planPublishing(to, disk, place);
  const env = Object.fromEntries(
    Object.entries(context.env).filter((one): one is [string, string] => one[1] !== undefined),
  );
  const given = isRun ? await runSteps(steps, { env, signal, note: (text) => output.note(text) }) : {};
  const commands = steps.map((step) => ({ does: step.does, command: shellLines(step) }));
  const { path, format, bytes } = disk;
  const lines = isRun
    ? [`${path} is the image ${given.IMAGE ?? name} of ${to}.`]
    : ["set -e", ...commands.flatMap(({ does, command }) => [`# ${does}`, command])];
  output.result({ to, name, file: path, format, bytes, commands, ran: isRun, given }, lines);
  return 0;
}
