import { z } from "zod";
import type { ServerId } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { takingTurns } from "../../lib/limiter.ts";
import type { FleetRecords } from "../fleet/records.ts";
import type { Call } from "../platform.ts";
import { checkServers, kilnVariable, type ToldServer } from "./contract.ts";
import { type PlanTotals, passGate, planSchema } from "./gate.ts";
import { groupFolders, hasState, makeGroupFolder, removeGroupFolder, writeVariable } from "./group-folder.ts";
import type { ServerRecord } from "./record.ts";
import { runTerraform, type Workplace } from "./run.ts";

export interface GroupsOptions {
  readonly place: () => Workplace;
  readonly module: string;
  readonly installation: string;
  readonly target: string;
  readonly referenceOf: (release: ServerRecord["release"]) => string | undefined;
  readonly records: FleetRecords<ServerRecord>;
  readonly now: () => number;
}

/** The groups of a target: each is a folder with a state of its own. Its name: `<service key>-<release>`. */
export interface Groups {
  /**
   * Makes a group as its records want it, in one run of Terraform for all that is asked for meanwhile. Resolves when it is so. Throws
   * `module_refused`, `module_invalid`, `terraform_failed`.
   */
  converge(group: string): Promise<void>;
  /** Groups that have a folder and no record: what a crash has left of their removal. */
  strays(): readonly string[];
}

/** Requests that arrive together are one run. */
const gatherMs = 20;
/** Another Terraform may hold the state's lock: someone's own, run by hand. */
const lockArguments = ["-no-color", "-input=false", "-lock-timeout=300s"];
const planFile = "state/plan";
const outputsSchema = z.object({ servers: z.object({ value: z.unknown() }).optional() });
/** A run is never cut off: it ends with what was begun. */
const call: Pick<Call, "signal"> = { signal: new AbortController().signal };

export function groupOf({ release }: Pick<ServerRecord, "release">): string {
  return `${release.service}-${release.number}`;
}

export function openGroups(options: GroupsOptions): Groups {
  const turns = new Map<string, () => Promise<void>>();
  return {
    converge(group) {
      const turn = turns.get(group) ?? takingTurns(() => converge(options, group));
      turns.set(group, turn);
      return turn();
    },
    strays() {
      const named = new Set(options.records.all().map(groupOf));
      return groupFolders(options.place()).filter((group) => !named.has(group));
    },
  };
}

async function converge(options: GroupsOptions, group: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, gatherMs));
  const place = options.place();
  const records = options.records.all().filter((record) => groupOf(record) === group);
  const wanted = records.filter(isWanted);
  if (wanted.length > 0) await makeServers(options, place, group, wanted);
  else if (groupFolders(place).includes(group)) await removeServers(place, group, records);
}

function isWanted({ exit, unwanted }: ServerRecord): boolean {
  return exit === undefined && unwanted !== true;
}

async function makeServers(
  options: GroupsOptions,
  place: Workplace,
  group: string,
  wanted: readonly ServerRecord[],
): Promise<void> {
  const [first] = wanted;
  if (first === undefined) return;
  const names = wanted.map(({ id }) => id);
  makeGroupFolder(place, options.module, group);
  const { installation, target } = options;
  const about = { installation, target, reference: options.referenceOf(first.release) };
  writeVariable(place, group, kilnVariable(first.release, names, about));
  await runTerraform(place, group, ["init", "-no-color", "-input=false", "-lockfile=readonly"], call);
  try {
    await planAndApply(place, group, [], keptOf(wanted));
  } finally {
    // Also of an apply that has failed half way: what was made is known.
    note(options, await toldServers(place, group), wanted);
  }
  checkServers(await toldServers(place, group), names);
}

/** Everything of the group, also what its servers share. */
async function removeServers(
  place: Workplace,
  group: string,
  records: readonly ServerRecord[],
): Promise<void> {
  const made = records.filter(({ cloudId }) => cloudId !== undefined);
  const known = hasState(place, group)
    ? (await planAndApply(place, group, ["-destroy"], new Map())).delete
    : 0;
  if (known === 0 && made.length > 0) throw stateLost(place, group, made);
  removeGroupFolder(place, group);
}

/** Without a refresh: what others have changed is drift, which Terraform must not mend in place. */
async function planAndApply(
  place: Workplace,
  group: string,
  how: readonly string[],
  kept: ReadonlyMap<ServerId, string>,
): Promise<PlanTotals> {
  const args = ["plan", ...lockArguments, ...how, "-refresh=false", "-detailed-exitcode", `-out=${planFile}`];
  const { code } = await runTerraform(place, group, args, call, [2]);
  if (code === 0) return { create: 0, delete: 0 };
  const shown = await runTerraform(place, group, ["show", "-no-color", "-json", planFile], call);
  const totals = passGate(planSchema.parse(JSON.parse(shown.stdout)), kept);
  await runTerraform(place, group, ["apply", ...lockArguments, planFile], call);
  return totals;
}

function keptOf(wanted: readonly ServerRecord[]): ReadonlyMap<ServerId, string> {
  return new Map(
    wanted.flatMap(({ id, cloudId }) => (cloudId === undefined ? [] : [[id, cloudId] as const])),
  );
}

async function toldServers(place: Workplace, group: string): Promise<unknown> {
  const { stdout } = await runTerraform(place, group, ["output", "-no-color", "-json"], call);
  return outputsSchema.parse(JSON.parse(stdout)).servers?.value ?? [];
}

/** Takes in what the module tells of servers, as far as it keeps the contract. */
function note({ records, now }: GroupsOptions, output: unknown, wanted: readonly ServerRecord[]): void {
  const told = Array.isArray(output) ? output : [];
  for (const { id } of wanted) {
    const record = records.read(id);
    const [server] = validServers(
      told.filter((one) => one?.name === id),
      id,
    );
    if (record === undefined || server === undefined || !isWanted(record)) continue;
    if (record.cloudId === undefined)
      records.write({ ...record, cloudId: server.id, address: server.address });
    else if (record.cloudId !== server.id || record.address !== server.address)
      records.write({
        ...record,
        lost: `Terraform has made ${server.id} in place of ${record.cloudId}`,
        exit: { atMs: now(), oomKilled: false },
      });
  }
}

function validServers(output: readonly unknown[], name: ServerId): readonly ToldServer[] {
  try {
    return checkServers(output, [name]);
  } catch {
    return []; // the caller checks all of them together
  }
}

function stateLost({ work }: Workplace, group: string, made: readonly ServerRecord[]): KilnError {
  const names = made.map(({ id, cloudId }) => `${id} (${cloudId})`).join(", ");
  return new KilnError(
    "terraform_failed",
    `Terraform's state of the group ${group} is lost: it knows nothing of ${names}.`,
    {
      hint: `Restore ${work}/groups/${group}/state/terraform.tfstate, or remove these servers by hand and then that group's folder.`,
    },
  );
}
