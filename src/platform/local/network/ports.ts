import { existsSync } from "node:fs";
import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { formatAddress } from "../../linux/addresses.ts";
import {
  attachBatch,
  bridgeName,
  configureBatch,
  detachBatch,
  machineBatch,
  machineRules,
  type Network,
  namespacePath,
  type Port,
} from "./commands.ts";
import { linkExists } from "./state.ts";

/**
 * Names the server's namespace, that of the process `holder` or a new one, and makes its veth pair. `configurePort` completes it. Throws `platform_unusable` when the machine
 * would send packets for the server elsewhere: an answer from there must never be taken for one of the server.
 */
export async function attachPort(network: Network, port: Port, holder: number | undefined): Promise<void> {
  const { stdout } = await exec(["ip", "-batch", "-"], { input: attachBatch(network, port, holder) });
  const dev = / dev (\S+) /.exec(stdout)?.[1];
  if (dev === bridgeName(network.tag)) return;
  throw new KilnError(
    "platform_unusable",
    `This machine sends packets for ${formatAddress(port.address)} to ${dev ?? "nowhere"}, not to its servers.`,
    { hint: "`kiln doctor` names the route or rule that takes them.", retry: true },
  );
}

/** Gives the server's end its address and its way out, or joins it to the link of the machine that it leads to. */
export async function configurePort(
  network: Network,
  port: Port,
  inside: "process" | "machine",
): Promise<void> {
  const within = `--net=${namespacePath(port.namespace)}`;
  if (inside === "machine") await exec(["nsenter", within, "nft", "-f", "-"], { input: machineRules(port) });
  const input = inside === "machine" ? machineBatch(network, port) : configureBatch(network, port);
  await exec(["nsenter", within, "ip", "-batch", "-"], { input });
}

/** Removes whatever is there of namespace and veth pair. */
export async function detachPort(port: Port): Promise<void> {
  if (!portExists(port)) return;
  const { stderr } = await exec(["ip", "-force", "-batch", "-"], { input: detachBatch(port), accept: "any" });
  if (portExists(port)) {
    throw new KilnError(
      "command_failed",
      `The network namespace ${port.namespace} cannot be removed: ${stderr.trim()}`,
      { retry: true },
    );
  }
}

function portExists({ link, namespace }: Port): boolean {
  return linkExists(link) || existsSync(namespacePath(namespace));
}
