import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { ServiceWarning } from "../../domain/observation.ts";
import { readTextIfExists } from "../../lib/files/files.ts";
import { exec } from "../../lib/process/exec.ts";
import { removeDatagramRules, type ServersLink, tableName } from "./rules.ts";

/** Sets and maps by name would be listed without their elements otherwise; numbers, so that nothing is looked up. */
const list = ["nft", "-n", "list", "table", "inet"] as const;

/** Two calls in one namespace: in the transaction that makes it, nft lists a table without its defaults. */
const tryAndList = `nft -f - && exec ${list.join(" ")} "$0"`;

/** The rules as this machine's nft lists them once the kernel has them, tried in a network namespace without a name. */
export async function listedAs(link: ServersLink, rules: string): Promise<string> {
  const argv = ["unshare", "--net", "sh", "-c", tryAndList, tableName(link)] as const;
  return (await exec([...argv], { input: rules })).stdout;
}

/** What the kernel has; undefined: no such table. */
export async function presentTable(link: ServersLink): Promise<string | undefined> {
  const { code, stdout } = await exec([...list, tableName(link)], { accept: "any" });
  return code === 0 ? stdout : undefined;
}

/** One transaction: before it every datagram goes the old way, after it each new flow the new one. */
export async function placeTable(rules: string): Promise<void> {
  await exec(["nft", "-f", "-"], { input: rules });
}

/** In this order: without the table nothing may be led to 127.0.0.1. */
export async function removeTable(link: ServersLink): Promise<void> {
  await answerLoopback(link, false);
  await exec(["nft", "-f", "-"], { input: removeDatagramRules(link) });
}

/**
 * Clients at 127.0.0.1 get answers from the bridge only with `route_localnet` (ip-sysctl); the table keeps everything else of
 * servers from that network. Nothing happens while there is no bridge. Resolves to whether it was otherwise.
 */
export async function answerLoopback({ bridge }: ServersLink, isOn: boolean): Promise<boolean> {
  const file = `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`;
  const wanted = isOn ? "1" : "0";
  if (!existsSync(file) || (await readTextIfExists(file))?.trim() === wanted) return false;
  await writeFile(file, wanted);
  return true;
}

const bridged = "net.bridge.bridge-nf-call-iptables";

/**
 * With this setting, which Docker may make, the kernel passes what is translated on within the bridge, from one isolated port to
 * another (br_nf_pre_routing_finish): there it ends.
 */
export async function bridgedWarning(): Promise<readonly ServiceWarning[]> {
  const value = await readTextIfExists(`/proc/sys/${bridged.replaceAll(".", "/")}`);
  if (value?.trim() !== "1") return [];
  const message = `Servers get no answers from services of UDP, since ${bridged} is 1 on this machine; other clients do.`;
  const hint = `Where no other program needs it: \`sysctl -w ${bridged}=0\`.`;
  return [{ service: undefined, message, hint }];
}
