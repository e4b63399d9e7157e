import { type Asker, askerData, askerName, why } from "../domain/access/actor.ts";
import type { Channel } from "../domain/policy/revocation.ts";
import type { Database } from "./sqlite/database.ts";
import type { Workbench } from "./workbench.ts";

/** Channels, and where they have been. */
export interface ChannelStore {
  /** Where each channel has been, by channel, the newest first. */
  channelHistory(): readonly Channel[];
  /** With where it has been. False when there is none. */
  removeChannel(channel: Pick<Channel, "service" | "name">, by: Asker): boolean;
  /** Moves a channel, or makes it. */
  setChannel(to: Pick<Channel, "service" | "name" | "version" | "digest">, by: Asker): Channel;
}

export function channelStore(bench: Workbench): ChannelStore {
  const { db } = bench;
  return {
    channelHistory: () => selectChannelHistory(db),
    removeChannel: (channel, by) => db.transaction(() => deleteChannel(bench, channel, by)),
    setChannel: (to, by) => db.transaction(() => insertChannel(bench, to, by)),
  };
}

interface ChannelRow {
  readonly service: string;
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly set_at_ms: number;
  readonly set_by: string;
}

/** Where each channel has been, by channel, the newest first. */
function selectChannelHistory(db: Database): readonly Channel[] {
  return db.all<ChannelRow>("SELECT * FROM channels ORDER BY service, name, id DESC").map((row) => ({
    ...{ service: row.service, name: row.name, version: row.version, digest: row.digest },
    ...{ setAtMs: row.set_at_ms, setBy: row.set_by },
  }));
}

/** False when there is none. Versions stay. */
function deleteChannel(
  { db, log }: Workbench,
  { service, name }: Pick<Channel, "service" | "name">,
  by: Asker,
): boolean {
  if (db.run("DELETE FROM channels WHERE service = ? AND name = ?", service, name).changes === 0)
    return false;
  log.append({
    service: undefined,
    kind: "channel.removed",
    message: `${askerName(by)} removed the channel ${service}/${name}${why(by)}`,
    data: { channel: `${service}/${name}`, ...askerData(by) },
  });
  return true;
}

/** Moves a channel, or makes it. Setting it to where it is changes nothing. */
function insertChannel(
  { db, log, clock }: Workbench,
  { service, name, version, digest }: Pick<Channel, "service" | "name" | "version" | "digest">,
  by: Asker,
): Channel {
  const before = selectChannelHistory(db).find((one) => one.service === service && one.name === name);
  if (before?.version === version) return before;
  const set: Channel = { service, name, version, digest, setAtMs: clock.now(), setBy: askerName(by) };
  db.run(
    "INSERT INTO channels (service, name, version, digest, set_at_ms, set_by) VALUES (?, ?, ?, ?, ?, ?)",
    ...[service, name, version, digest, set.setAtMs, set.setBy],
  );
  const from = before === undefined ? "" : ` from ${before.version}`;
  log.append({
    service: undefined,
    kind: "channel.set",
    message: `${set.setBy} moved the channel ${service}/${name}${from} to ${version}${why(by)}`,
    data: { channel: `${service}/${name}`, version, from: before?.version, image: digest, ...askerData(by) },
  });
  return set;
}
