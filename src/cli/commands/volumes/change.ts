import type { Context, Outcome } from "../../context.ts";
import { askConsent } from "../../input/ask-consent.ts";
import { formatBytes, formatDuration, formatTime } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { requireVolume } from "./look.ts";

interface VolumeOptions extends ServiceOptions {
  readonly reason?: string;
  readonly yes?: boolean;
  readonly snapshot?: string;
}

export async function snapshot(
  context: Context,
  options: VolumeOptions,
  name: string,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const begunMs = context.clock.elapsed();
  const made = await client.snapshotVolume({ service: key, name, reason: options.reason });
  const took = formatDuration(context.clock.elapsed() - begunMs);
  context.output.result(made, [
    `Snapshot ${made.id} of ${name} of ${key}: ${formatBytes(made.bytes)}, in ${took}.`,
  ]);
  return 0;
}

export async function restore(
  context: Context,
  options: VolumeOptions,
  name: string,
  id: string,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const { snapshots } = await requireVolume(client, key, name);
  const at = snapshots.find((each) => each.id === id)?.atMs;
  if (!options.yes) {
    const since = at === undefined ? "" : ` What was written since ${formatTime(at)} is lost to the service.`;
    const what = `replaces the data of the volume ${name} of ${key} with the snapshot ${id}.${since}`;
    const question = `Replace the data of ${name} of ${key}?${since}`;
    await askConsent(context, { what, question, refused: "Nothing was changed." });
  }
  await client.restoreVolume({ service: key, name, snapshot: id, reason: options.reason });
  context.output.result({ service: key, name, snapshot: id }, [
    `${name} of ${key} has the data of the snapshot ${id} again.`,
    "  What was there before is the newest snapshot: `kiln volume show` lists it.",
  ]);
  return 0;
}

export async function remove(
  context: Context,
  options: VolumeOptions,
  name: string,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const { snapshots } = await requireVolume(client, key, name);
  const { snapshot: id, reason } = options;
  const whole = `the volume ${name} of ${key} with all its data and ${snapshots.length} snapshots`;
  const gone = id === undefined ? whole : `the snapshot ${id} of ${name} of ${key}`;
  if (!options.yes) {
    const question = `Remove ${gone}? It cannot be brought back.`;
    await askConsent(context, { what: `removes ${gone}`, question, refused: "Nothing was removed." });
  }
  await client.removeVolume({ service: key, name, snapshot: id, reason });
  context.output.result({ service: key, name, snapshot: id }, [`Removed ${gone}.`]);
  return 0;
}
