import { createHash } from "node:crypto";
import { join } from "node:path";
import type { TargetName } from "../../domain/target.ts";
import type { Listener } from "../../lib/process/listeners.ts";
import { type StateFolder, stateOfTarget } from "../../lib/state-folder.ts";
import type { MachineSource } from "../contract/sources.ts";
import { requireHostedId } from "../fleet/server-turns.ts";
import { type LocalHost, type LocalHostOptions, localHost } from "../local/local-host.ts";
import { hostPaths, serverPaths } from "../local/paths.ts";
import { readTold } from "../local/server/server-state.ts";
import { machines } from "./machines.ts";
import { chooser, probeMachines } from "./probe-machines.ts";

export interface VmHostOptions extends Omit<LocalHostOptions, "runtime"> {
  readonly target: TargetName;
  readonly machines: MachineSource;
}

/**
 * Servers as virtual machines of this one: the local host with another runtime. It has records, network and cgroups of its own, so
 * that both know nothing of each other. See docs/vm.md.
 */
export function vmHost({ target, machines: source, ...options }: VmHostOptions): LocalHost {
  const choice = chooser(source);
  const runtime = machines({ source, accelerator: async (call) => (await choice(call)).accelerator });
  const state = stateOfMachines(options.state, target);
  const { volumes: _, access: __, listeners: ___, ...host } = localHost({ ...options, state, runtime });
  return {
    ...host,
    probe: async (call) => probeMachines(await host.probe(call), choice, call),
    // Of ports of TCP no one here knows.
    listeners: (id, transport) =>
      transport === "udp"
        ? openedPorts(readTold(serverPaths(hostPaths(state), requireHostedId(id))) ?? "")
        : undefined,
  };
}

/** Ports of UDP that the server has opened, as the first process of its machine has said: `open PORT`. */
export function openedPorts(told: string): readonly Listener[] {
  return [...told.matchAll(/^open (\d+)$/gm)].map(([, port]) => ({
    ...{ port: Number(port), reach: "any", address: "0.0.0.0", family: 4, inode: "" },
  }));
}

/** Names outside the state folder, too, are of this target alone. */
export function stateOfMachines(state: StateFolder, target: TargetName): StateFolder {
  const servers = join(state.targets, target);
  const tag = createHash("sha256").update(`${state.tag} ${target}`).digest("hex").slice(0, 8);
  return { ...stateOfTarget(state, target), tag, servers, volumes: join(servers, ".volumes") };
}
