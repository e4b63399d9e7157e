import { writeFileSync } from "node:fs";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { formatSubnet } from "../../linux/addresses.ts";
import { wholePrefix } from "../../linux/unique-local.ts";
import {
  bridgeName,
  filterRules,
  forwardPrograms,
  guardRoute,
  type Network,
  removeFilterRules,
  removeForwardRules,
} from "./commands.ts";
import type { NamesOnMachine } from "./names/names.ts";
import { serveNames, stopResolver } from "./names/resolver.ts";
import { removeNameRules } from "./names/rules.ts";
import type { Mend, Setting } from "./part.ts";
import { linkExists, listForwarding } from "./state.ts";

/**
 * Carries out what puts the network right, as far as that goes: a part that cannot be mended keeps no other from it. Resolves
 * to what the programs have said; a new look shows the result. Throws `tool_missing`.
 */
export async function mendAll(
  network: Network,
  mends: readonly Mend[],
  names: NamesOnMachine,
): Promise<string> {
  const allows = mends.flatMap(({ allows }) => allows ?? []).map(set);
  const said = [...allows, await runIp(mends.flatMap(({ ip }) => ip ?? []))];
  said.push(...mends.flatMap(({ settings }) => settings ?? []).map(set));
  if (mends.some(({ filter }) => filter)) said.push(await runNft(filterRules(network)));
  if (mends.some((mend) => mend.names)) said.push(await placeNames(network.tag, names));
  for (const argv of mends.flatMap(({ iptables }) => iptables ?? [])) {
    said.push((await exec([...argv], { accept: "any" })).stderr);
  }
  return said
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .join("; ");
}

/** Resolves to what the programs have said. */
async function placeNames(tag: string, { rules, resolver }: NamesOnMachine): Promise<string> {
  const said = [await runNft(rules), resolver === undefined ? "" : await serveNames(tag, resolver)];
  return said.join(" ").trim();
}

async function runIp(lines: readonly string[]): Promise<string> {
  if (lines.length === 0) return "";
  const input = `${lines.join("\n")}\n`;
  return (await exec(["ip", "-force", "-batch", "-"], { input, accept: "any" })).stderr;
}

async function runNft(input: string): Promise<string> {
  return (await exec(["nft", "-f", "-"], { input, accept: "any" })).stderr;
}

function set({ file, value }: Setting): string {
  try {
    writeFileSync(file, value);
    return "";
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EROFS") || isErrno(error, "EACCES")) return error.message;
    throw error;
  }
}

/**
 * Takes away what servers share, each part for itself: a program that is missing keeps the others from nothing, and has made
 * nothing either. Throws `command_failed` when the bridge stays.
 */
export async function removeNetwork({ tag, subnet, ipv6 }: Network): Promise<void> {
  const bridge = bridgeName(tag);
  const { protocol, metric } = guardRoute(tag);
  const guarded = [formatSubnet(subnet), ...(ipv6 === undefined ? [] : [wholePrefix(ipv6.prefix)])];
  const guards = guarded.map((to) => `route del unreachable ${to} metric ${metric} proto ${protocol}`);
  const [said] = await Promise.all([
    runIp([...(linkExists(bridge) ? [`link del ${bridge}`] : []), ...guards]),
    whereInstalled(() => runNft(`${removeFilterRules(tag)}${removeNameRules(tag)}`)),
    stopResolver(tag),
    closeForwarding(tag),
  ]);
  if (linkExists(bridge))
    throw new KilnError("command_failed", `The bridge ${bridge} cannot be removed: ${said}`);
}

async function closeForwarding(tag: string): Promise<void> {
  const lists = await listForwarding();
  for (const program of forwardPrograms)
    for (const args of removeForwardRules(tag, lists[program])) await exec([program, ...args]);
}

async function whereInstalled(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
  }
}
