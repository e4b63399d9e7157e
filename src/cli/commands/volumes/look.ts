import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, VolumeStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { table } from "../../output/text.ts";
import { formatBytes, formatTime } from "../../output/units.ts";
import { findService, requireService, type ServiceOptions } from "../../project.ts";

export async function list(context: Context, options: ServiceOptions, service?: string): Outcome {
  const key = await findService(context.cwd, options, service);
  const volumes = await (await context.connect()).volumes({ service: key });
  context.output.result(volumes, listLines(volumes, key));
  return 0;
}

export async function show(
  context: Context,
  options: ServiceOptions,
  name: string,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const volume = await requireVolume(await context.connect(), key, name);
  context.output.result(volume, showLines(volume));
  return 0;
}

/** Throws `volume_unknown`. */
export async function requireVolume(
  client: Client,
  service: ServiceKey,
  name: string,
): Promise<VolumeStatus> {
  const volumes = await client.volumes({ service });
  const found = volumes.find((volume) => volume.name === name);
  if (found !== undefined) return found;
  const known = volumes.map((volume) => volume.name).join(", ");
  throw new KilnError("volume_unknown", `There is no volume ${name} of ${service}.`, {
    hint: known === "" ? "`kiln volume ls` lists all volumes." : `There are: ${known}.`,
  });
}

const reasons: Readonly<Record<VolumeStatus["snapshots"][number]["reason"], string>> = {
  asked: "asked for",
  "before-rollout": "before a rollout",
  "before-restore": "before the data was replaced",
};

function listLines(volumes: readonly VolumeStatus[], service: string | undefined): string[] {
  if (volumes.length === 0) {
    const whose = service === undefined ? "There are no volumes." : `${service} has no volumes.`;
    return [`${whose} \`servers.volumes\` in kiln.yaml makes one.`];
  }
  const rows = volumes.map((volume) => [
    volume.service,
    volume.name,
    sizeOf(volume),
    usedOf(volume),
    serversOf(volume),
    `${volume.snapshots.length}`,
  ]);
  return table(["SERVICE", "NAME", "SIZE", "USED", "IN USE BY", "SNAPSHOTS"], rows);
}

function showLines(volume: VolumeStatus): string[] {
  const { service, name, createdAtMs, release, dataVersion, snapshots } = volume;
  const about = [
    ["volume", `${name} of ${service}`],
    ["created", formatTime(createdAtMs)],
    ["size", sizeOf(volume)],
    ["used", usedOf(volume)],
    ["release", release === undefined ? "none yet" : `${release}, the last one that had it`],
    ...(dataVersion === undefined ? [] : [["data version", `${dataVersion}`]]),
    ["in use by", serversOf(volume)],
  ];
  const rows = snapshots.map(({ id, atMs, reason, release: of, bytes }) => [
    id,
    formatTime(atMs),
    of === undefined ? "-" : `${of}`,
    formatBytes(bytes),
    reasons[reason],
  ]);
  if (rows.length === 0) return [...table([], about), "", "No snapshots."];
  return [...table([], about), "", ...table(["SNAPSHOT", "MADE", "RELEASE", "BYTES", "WHY"], rows)];
}

function sizeOf({ sizeBytes }: VolumeStatus): string {
  return sizeBytes === undefined ? "no limit" : formatBytes(sizeBytes);
}

function usedOf({ usedBytes }: VolumeStatus): string {
  return usedBytes === undefined ? "-" : formatBytes(usedBytes);
}

function serversOf({ servers }: VolumeStatus): string {
  return servers.length === 0 ? "-" : servers.join(", ");
}
