import { z } from "zod";
import type { ServerId } from "../../domain/ids.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { takingTurns } from "../../lib/limiter.ts";
import type { Call } from "../contract/call.ts";
import type { FleetRecords } from "../fleet/records.ts";
import { serverId } from "../fleet/server-id.ts";
import { type ChangedResource, changedResources, refreshSchema } from "./changed-resources.ts";
import { checkServers, kilnVariable, type ToldServer } from "./contract.ts";
import { passGate, planSchema, type TerraformPlan } from "./gate.ts";
import {
  groupFolders,
  hasState,
  isInitialised,
  makeGroupFolder,
  removeGroupFolder,
  setInitialised,
  sweepTrials,
  trialName,
  writeVariable,
} from "./group-folder.ts";
import { type GroupServer, isRemoved } from "./record.ts";
import { runTerraform, type Workplace } from "./run.ts";

export interface GroupsOptions {
  readonly place: () => Workplace;
  readonly module: string;
  readonly installation: string;
  readonly target: string;
  readonly referenceOf: (release: GroupServer["release"]) => string | undefined;
  readonly records: FleetRecords<GroupServer>;
  readonly now: () => number;
}

/** The groups of a target: each is a folder with a state of its own. Its name: `<service key>-<release>`. */
export interface Groups {
  /**
   * Makes a group as its records want it, in one run of Terraform for all that is asked for meanwhile. Resolves when it is so. Throws
   * `module_refused`, `module_invalid`, `terraform_failed`.
   */
  converge(group: string): Promise<void>;
  /** Terraform's plan of a new group of that release. Nothing is made but a folder, which is removed again. Throws as `converge`. */
  trial(release: GroupServer["release"], size: number): Promise<TerraformPlan>;
  /** Groups that have a folder and no record: what a crash has left of their removal. */
  strays(): readonly string[];
  /** What others have changed of a group since Terraform has made it. Throws `terraform_failed`. */
  changes(group: string): Promise<readonly ChangedResource[]>;
}

/** Requests that arrive together are one run. */
const gatherMs = 20;
/** Another Terraform may hold the state's lock: someone's own, run by hand. */
const lockArguments = ["-no-color", "-input=false", "-lock-timeout=300s"];
const planFile = "state/plan";
const refreshFile = "state/refresh";
const outputsSchema = z.object({ servers: z.object({ value: z.unknown() }).optional() });
/** A run is never cut off: it ends with what was begun. */
const call: Pick<Call, "signal"> = { signal: new AbortController().signal };

export function groupOf({ release }: Pick<GroupServer, "release">): string {
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
    trial: (release, size) => trial(options, release, size),
    changes: (group) => changesOf(options.place(), group),
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
  requireState(place, group, records);
  if (wanted.length > 0) await makeServers(options, place, group, wanted);
  else if (groupFolders(place).includes(group)) await removeServers(place, group);
}

/** With a state that knows nothing of them, a plan would leave their machines where they are, unknown to anyone. */
function requireState(place: Workplace, group: string, records: readonly GroupServer[]): void {
  const made = records.filter((record) => record.cloudId !== undefined && !isRemoved(record));
  if (made.length > 0 && groupFolders(place).includes(group) && !hasState(place, group))
    throw stateLost(place, group, made);
}

function isWanted({ exit, unwanted }: GroupServer): boolean {
  return exit === undefined && unwanted !== true;
}

async function makeServers(
  options: GroupsOptions,
  place: Workplace,
  group: string,
  wanted: readonly GroupServer[],
): Promise<void> {
  const [first] = wanted;
  if (first === undefined) return;
  const names = wanted.map(({ id }) => id);
  makeGroupFolder(place, options.module, group);
  writeVariable(place, group, kilnVariable(first.release, names, aboutOf(options, first.release)));
  await initialise(place, group);
  // Also of an apply that has failed half way: what was made is known.
  const failure = await planAndApply(place, group, [], keptOf(wanted)).then(() => undefined, toKilnError);
  const told = await toldServers(place, group).catch((error: unknown) => Promise.reject(failure ?? error));
  const used = addressesOfOthers(options.records.all(), group);
  if (failure === undefined) note(options, checkServers(told, names, used));
  else note(options, partOf(told, names, used));
  if (failure) throw failure;
}

/** Providers are put there once; a module that someone has not pinned does not get other ones later. */
async function initialise(place: Workplace, group: string): Promise<void> {
  if (isInitialised(place, group)) return;
  await runTerraform(place, group, ["init", "-no-color", "-input=false", "-lockfile=readonly"], call);
  setInitialised(place, group);
}

function addressesOfOthers(records: readonly GroupServer[], group: string): ReadonlyMap<string, ServerId> {
  const others = records.filter((record) => groupOf(record) !== group && record.exit === undefined);
  return new Map(
    others.flatMap(({ id, address }) => (address === undefined ? [] : [[address, id] as const])),
  );
}

/** Everything of the group, also what its servers share. */
async function removeServers(place: Workplace, group: string): Promise<void> {
  // Also without a state: the plan waits for an apply that a former controller has begun.
  if (isInitialised(place, group)) await planAndApply(place, group, ["-destroy"], new Map());
  removeGroupFolder(place, group);
}

async function planAndApply(
  place: Workplace,
  group: string,
  how: readonly string[],
  kept: ReadonlyMap<ServerId, string>,
): Promise<void> {
  const plan = await planOf(place, group, how);
  if (plan === undefined) return;
  passGate(plan, kept);
  await runTerraform(place, group, ["apply", ...lockArguments, planFile], call);
}

/** Without a refresh: what others have changed is drift, which Terraform must not mend in place. Undefined: nothing is to be done. */
async function planOf(
  place: Workplace,
  group: string,
  how: readonly string[],
): Promise<TerraformPlan | undefined> {
  const args = ["plan", ...lockArguments, ...how, "-refresh=false", "-detailed-exitcode", `-out=${planFile}`];
  const { code } = await runTerraform(place, group, args, call, [2]);
  if (code === 0) return undefined;
  const { stdout } = await runTerraform(place, group, ["show", "-no-color", "-json", planFile], call);
  return planSchema.parse(JSON.parse(stdout));
}

function keptOf(wanted: readonly GroupServer[]): ReadonlyMap<ServerId, string> {
  return new Map(
    wanted.flatMap(({ id, cloudId }) => (cloudId === undefined ? [] : [[id, cloudId] as const])),
  );
}

async function toldServers(place: Workplace, group: string): Promise<unknown> {
  const { stdout } = await runTerraform(place, group, ["output", "-no-color", "-json"], call);
  return outputsSchema.parse(JSON.parse(stdout)).servers?.value ?? [];
}

/** Made as a new group would be, up to its plan, and removed again. */
async function trial(
  options: GroupsOptions,
  release: GroupServer["release"],
  size: number,
): Promise<TerraformPlan> {
  const place = options.place();
  sweepTrials(place);
  const { service, number } = release;
  const group = trialName();
  const names = Array.from({ length: size }, (_, n) =>
    serverId({ service, release: number, slot: n + 1, attempt: 1 }),
  );
  try {
    makeGroupFolder(place, options.module, group);
    writeVariable(place, group, kilnVariable(release, names, aboutOf(options, release)));
    await initialise(place, group);
    const plan = await planOf(place, group, []);
    if (plan) passGate(plan, new Map());
    return plan ?? planSchema.parse({});
  } finally {
    removeGroupFolder(place, group);
  }
}

function aboutOf({ installation, target, referenceOf }: GroupsOptions, release: GroupServer["release"]) {
  return { installation, target, reference: referenceOf(release) };
}

/** What is changed of the group by others. Nothing is written, neither there nor in the state. */
async function changesOf(place: Workplace, group: string): Promise<readonly ChangedResource[]> {
  if (!hasState(place, group)) return [];
  const args = ["plan", ...lockArguments, "-refresh-only", "-detailed-exitcode", `-out=${refreshFile}`];
  const { code } = await runTerraform(place, group, args, call, [2]);
  if (code === 0) return [];
  const { stdout } = await runTerraform(place, group, ["show", "-no-color", "-json", refreshFile], call);
  return changedResources(refreshSchema.parse(JSON.parse(stdout)));
}

/** Takes in what the module tells of servers. */
function note({ records, now }: GroupsOptions, told: readonly ToldServer[]): void {
  for (const { name, id, address } of told) {
    const record = records.read(name);
    if (record === undefined || !isWanted(record)) continue;
    if (record.cloudId === undefined) records.write({ ...record, cloudId: id, address });
    else if (record.cloudId !== id || record.address !== address) {
      const lost = `Terraform has made ${id} in place of ${record.cloudId}`;
      records.write({ ...record, lost, exit: { atMs: now(), oomKilled: false } });
    }
  }
}

/** The servers that the module has reported although it could not report all, if that keeps the contract. */
function partOf(
  output: unknown,
  names: readonly ServerId[],
  used: ReadonlyMap<string, ServerId>,
): readonly ToldServer[] {
  const all: readonly unknown[] = Array.isArray(output) ? output : [];
  const named = names.filter((name) => all.some((one) => nameIn(one) === name));
  try {
    return checkServers(
      all.filter((one) => named.some((name) => name === nameIn(one))),
      named,
      used,
    );
  } catch {
    return []; // a later run tells
  }
}

function nameIn(one: unknown): unknown {
  return typeof one === "object" && one !== null && "name" in one ? one.name : undefined;
}

function stateLost({ work }: Workplace, group: string, made: readonly GroupServer[]): KilnError {
  const names = made.map(({ id, cloudId }) => `${id} (${cloudId})`).join(", ");
  return new KilnError(
    "terraform_failed",
    `Terraform's state of the group ${group} is lost: it knows nothing of ${names}.`,
    {
      hint: `Restore ${work}/groups/${group}/state/terraform.tfstate, or remove these servers by hand and then that group's folder.`,
    },
  );
}
