import type { ServiceKey } from "../../../../domain/ids.ts";
import { exec } from "../../../../lib/process/exec.ts";
import { parseListeners } from "../../../../lib/process/listeners.ts";
import { readIfThere } from "../../../../lib/process/proc.ts";
import type { NamedWay, OfferedName } from "../../../fleet/host.ts";
import { formatAddress, gateway } from "../../../linux/addresses.ts";
import type { HostPaths } from "../../paths.ts";
import type { Network } from "../commands.ts";
import { assignName, readNames, withoutName, writeNames } from "./assignment.ts";
import { hasResolver, serveNames } from "./resolver.ts";
import { type ResolverFiles, resolverFiles } from "./resolver-files.ts";
import { type Caller, nameRules } from "./rules.ts";

/** All that names of services are on the machine. */
export interface NamesOnMachine {
  /** For `nft -f -`. */
  readonly rules: string;
  /** Undefined where there is no program for it. */
  readonly resolver: ResolverFiles | undefined;
}

/** Names of services, as they are on record, for the servers that there are. Callers hold the host's lock where they write. */
export class NameBook {
  readonly #paths: HostPaths;
  readonly #callers: () => readonly Caller[];
  /** What the kernel has from here; what others did to it meanwhile, the next look finds. */
  #placed: string | undefined;

  constructor(paths: HostPaths, callers: () => readonly Caller[]) {
    this.#paths = paths;
    this.#callers = callers;
  }

  /** What should be there. */
  wanted(network: Network): NamesOnMachine {
    const { names } = readNames(this.#paths);
    return {
      rules: nameRules(network, names, this.#callers()),
      resolver: hasResolver() ? resolverFiles(network, names) : undefined,
    };
  }

  /** Has it there when names or servers have changed. Throws `command_failed`. */
  async place(network: Network): Promise<void> {
    const { rules, resolver } = this.wanted(network);
    if (rules !== this.#placed) await exec(["nft", "-f", "-"], { input: rules });
    this.#placed = rules;
    if (resolver !== undefined) await serveNames(network.tag, resolver);
  }

  /** Nothing of it is on the machine any more. */
  forget(): void {
    this.#placed = undefined;
  }

  /** Records where the name leads; `place` does the rest. */
  async offer(network: Network, service: ServiceKey, offered: OfferedName): Promise<readonly NamedWay[]> {
    const before = readNames(this.#paths);
    const names = assignName(before, service, offered, isListening());
    if (JSON.stringify(names) !== JSON.stringify(before)) await writeNames(this.#paths, names);
    const address = formatAddress(gateway(network.subnet));
    const ways = names.names.find((name) => name.service === service)?.ways ?? [];
    return ways.map(({ port, listen }) => ({ port, listen, address }));
  }

  async withdraw(service: ServiceKey): Promise<void> {
    const before = readNames(this.#paths);
    const names = withoutName(before, service);
    if (names.names.length < before.names.length) await writeNames(this.#paths, names);
  }
}

/** Whether a program listens at a port of this machine. */
function isListening(): (port: number) => boolean {
  const tables = ["tcp", "tcp6"].map((name) => readIfThere(`/proc/net/${name}`) ?? "");
  const taken = new Set(parseListeners(...tables).map(({ port }) => port));
  return (port) => taken.has(port);
}
