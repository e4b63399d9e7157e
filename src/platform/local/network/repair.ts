import { writeFileSync } from "node:fs";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { formatSubnet } from "../../linux/addresses.ts";
import {
  bridgeName,
  filterRules,
  guardRoute,
  type Network,
  removeFilterRules,
  removeForwardRules,
} from "./commands.ts";
import type { Mend } from "./description.ts";
import type { NamesOnMachine } from "./names/names.ts";
import { serveNames, stopResolver } from "./names/resolver.ts";
import { removeNameRules } from "./names/rules.ts";
import { forwardFiles, linkExists, listForwarding } from "./state.ts";

/**
 * Carries out what puts the network right, as far as that goes: a part that cannot be mended keeps no other from it. Resolves
 * to what the programs have said; a new look shows the result. Throws `tool_missing`.
 */
export async function mendAll(
  network: Network,
  mends: readonly Mend[],
  names: NamesOnMachine,
): Promise<string> {
  const said = [await runIp(mends.flatMap(({ ip }) => ip ?? []))];
  if (mends.some(({ forwarding }) => forwarding)) said.push(...forwardFiles(network.tag).map(switchOn));
  if (mends.some(({ filter }) => filter)) said.push(await runNft(filterRules(network)));
  if (mends.some((mend) => mend.names)) said.push(await placeNames(network.tag, names));
  for (const args of mends.flatMap(({ iptables }) => iptables ?? [])) {
    said.push((await exec(["iptables", ...args], { accept: "any" })).stderr);
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

function switchOn(file: string): string {
  try {
    writeFileSync(file, "1");
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
export async function removeNetwork({ tag, subnet }: Network): Promise<void> {
  const bridge = bridgeName(tag);
  const { protocol, metric } = guardRoute(tag);
  const guard = `route del unreachable ${formatSubnet(subnet)} metric ${metric} proto ${protocol}`;
  const [said] = await Promise.all([
    runIp([...(linkExists(bridge) ? [`link del ${bridge}`] : []), guard]),
    whereInstalled(() => runNft(`${removeFilterRules(tag)}${removeNameRules(tag)}`)),
    stopResolver(tag),
    closeForwarding(tag),
  ]);
  if (linkExists(bridge))
    throw new KilnError("command_failed", `The bridge ${bridge} cannot be removed: ${said}`);
}

async function closeForwarding(tag: string): Promise<void> {
  for (const args of removeForwardRules(tag, await listForwarding())) await exec(["iptables", ...args]);
}

async function whereInstalled(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
  }
}
