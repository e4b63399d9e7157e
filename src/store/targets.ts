import { type Asker, askerData, askerName, why } from "../domain/access/actor.ts";
import { targetOptions } from "../domain/schema/target.ts";
import { localTarget, type Target, type TargetName } from "../domain/target.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Database } from "./sqlite/database.ts";
import { jsonColumn } from "./sqlite/json-column.ts";
import type { Workbench } from "./workbench.ts";

/** Where services run. */
export interface TargetStore {
  /** `local` first, the others by name. */
  targets(): readonly Target[];
  /** Throws `target_unknown`. */
  target(name: TargetName): Target;
  /** Throws `target_taken`. */
  addTarget(target: Pick<Target, "name" | "platform" | "options">, by: Asker): Target;
  /** Throws `target_unknown`, and `target_in_use` while services are on it. */
  removeTarget(name: TargetName, by: Asker): void;
}

export function targetStore(bench: Workbench): TargetStore {
  const { db } = bench;
  return {
    targets: () => selectTargets(db),
    target: (name) => requireTarget(db, name),
    addTarget: (target, by) => db.transaction(() => insertTarget(bench, target, by)),
    removeTarget: (name, by) => db.transaction(() => deleteTarget(bench, name, by)),
  };
}

const readOptions = jsonColumn("targets.options", targetOptions);

interface TargetRow {
  readonly name: string;
  readonly platform: string;
  readonly options: string;
  readonly added_at_ms: number;
  readonly added_by: string;
}

/** The one that is always there first, the others by name. */
function selectTargets(db: Database): readonly Target[] {
  return [localTarget, ...db.all<TargetRow>("SELECT * FROM targets ORDER BY name").map(toTarget)];
}

/** Throws `target_unknown`. */
export function requireTarget(db: Database, name: TargetName): Target {
  const all = selectTargets(db);
  const found = all.find((target) => target.name === name);
  if (found !== undefined) return found;
  const names = all.map((target) => target.name);
  const meant = nearest(name, names);
  throw new KilnError("target_unknown", `There is no target ${name}.`, {
    hint:
      meant === undefined
        ? `There are: ${names.join(", ")}. \`kiln target add\` adds one.`
        : `Did you mean ${meant}? \`kiln target ls\` lists the targets.`,
  });
}

/** Throws `target_taken`. */
function insertTarget(
  { db, log, clock }: Workbench,
  { name, platform, options }: Pick<Target, "name" | "platform" | "options">,
  by: Asker,
): Target {
  if (selectTargets(db).some((target) => target.name === name)) {
    throw new KilnError("target_taken", `There is already a target ${name}.`, {
      hint: `Choose another name. \`kiln target show ${name}\` describes the existing target.`,
    });
  }
  const added = { atMs: clock.now(), by: askerName(by) };
  db.run(
    "INSERT INTO targets (name, platform, options, added_at_ms, added_by) VALUES (?, ?, ?, ?, ?)",
    ...[name, platform, canonicalJson(options), added.atMs, added.by],
  );
  log.append({
    service: undefined,
    kind: "target.added",
    message: `${askerName(by)} added the target ${name} of the platform ${platform}${why(by)}`,
    data: { target: name, platform, options, ...askerData(by) },
  });
  return { name, platform, options, added };
}

/** Throws `target_unknown`, and `target_in_use` with the services that are on it. */
function deleteTarget({ db, log }: Workbench, name: TargetName, by: Asker): void {
  const { added } = requireTarget(db, name);
  if (added === undefined) {
    throw new KilnError("target_in_use", `The target ${name} cannot be removed: it is always there.`, {
      hint: "`kiln target ls` lists the targets.",
    });
  }
  const services = db
    .all<{ readonly key: string }>(
      "SELECT key FROM services WHERE target = ?1 UNION SELECT service FROM moves WHERE target = ?1 ORDER BY key",
      name,
    )
    .map(({ key }) => key);
  if (services.length > 0) {
    throw new KilnError("target_in_use", `The target ${name} has services on it: ${services.join(", ")}.`, {
      hint: `\`kiln move SERVICE --target TARGET\` moves one; \`kiln remove SERVICE\` removes it. \`kiln status SERVICE\` shows what of it is here. Where the target is dead, \`kiln move SERVICE --give-up ${name}\` gives up what a service that has moved has here.`,
    });
  }
  db.run("DELETE FROM targets WHERE name = ?", name);
  db.run("DELETE FROM given_up WHERE target = ?", name);
  db.run("DELETE FROM image_policies WHERE target = ?", name);
  log.append({
    service: undefined,
    kind: "target.removed",
    message: `${askerName(by)} removed the target ${name}${why(by)}`,
    data: { target: name, ...askerData(by) },
  });
}

function toTarget(row: TargetRow): Target {
  return {
    name: row.name,
    platform: row.platform,
    options: readOptions(row.options),
    added: { atMs: row.added_at_ms, by: row.added_by },
  };
}
