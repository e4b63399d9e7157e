import type { ServiceKey } from "../../../../domain/ids.ts";
import { exec } from "../../../../lib/process/exec.ts";
import { type Listener, occupies, parseListeners } from "../../../../lib/process/listeners.ts";
import { readIfThere } from "../../../../lib/process/proc.ts";
import type { NamedWay, OfferedName } from "../../../fleet/host.ts";
import { formatAddress, gateway } from "../../../linux/addresses.ts";
import { gateway6 } from "../../../linux/unique-local.ts";
import type { HostPaths } from "../../paths.ts";
import { type Network, prefixOf } from "../commands.ts";
import { assignName, type Names, readNames, withoutName, writeNames } from "./assignment.ts";
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
  /** What the machine has from here; what others did to it meanwhile, the next look finds. */
  #placed: { readonly rules: string; readonly names: string } | undefined;

  constructor(paths: HostPaths, callers: () => readonly Caller[]) {
    this.#paths = paths;
    this.#callers = callers;
  }

  /** What should be there. */
  wanted(network: Network): NamesOnMachine {
    return this.#wanted(network, readNames(this.#paths));
  }

  #wanted(network: Network, { names }: Names): NamesOnMachine {
    return {
      rules: nameRules(network, names, this.#callers()),
      resolver: hasResolver() ? resolverFiles(network, names) : undefined,
    };
  }

  /** Has it there when names or servers have changed. Throws `command_failed`. */
  async place(network: Network): Promise<void> {
    const names = readNames(this.#paths);
    const { rules, resolver } = this.#wanted(network, names);
    if (rules !== this.#placed?.rules) {
      this.#placed = undefined;
      await exec(["nft", "-f", "-"], { input: rules });
    }
    if (resolver !== undefined) await serveNames(network.tag, resolver);
    this.#placed = { rules, names: JSON.stringify(names) };
  }

  /** Nothing of it is on the machine any more. */
  forget(): void {
    this.#placed = undefined;
  }

  /** Whether this is what was placed last: then there is nothing to record and to place. */
  isPlaced(network: Network, service: ServiceKey, offered: OfferedName): boolean {
    const names = readNames(this.#paths);
    const isRecorded =
      JSON.stringify(assignName(names, service, offeredOn(network, offered), takenOn(network))) ===
      JSON.stringify(names);
    return isRecorded && this.#placed?.names === JSON.stringify(names);
  }

  /** Records where the name leads; `place` does the rest. */
  async offer(network: Network, service: ServiceKey, offered: OfferedName): Promise<void> {
    const before = readNames(this.#paths);
    const names = assignName(before, service, offeredOn(network, offered), takenOn(network));
    if (JSON.stringify(names) !== JSON.stringify(before)) await writeNames(this.#paths, names);
  }

  /** Where the name leads. */
  ways(network: Network, service: ServiceKey): readonly NamedWay[] {
    const at = bridgeAddresses(network);
    const name = readNames(this.#paths).names.find((found) => found.service === service);
    const sent = name?.datagrams?.ports ?? [];
    return [
      ...(name?.ways ?? []).map(({ port, listen }) => ({ port, listen, ...at })),
      ...sent.map((port) => ({
        ...{ port, listen: port, address: name?.address ?? "" },
        isDatagrams: true as const,
      })),
    ];
  }

  async withdraw(service: ServiceKey): Promise<void> {
    const before = readNames(this.#paths);
    const names = withoutName(before, service);
    if (names.names.length < before.names.length) await writeNames(this.#paths, names);
  }
}

/** With this offer the router listens by IPv6 too, where servers have it. */
function offeredOn(network: Network, offered: OfferedName) {
  return { ...offered, ipv6: prefixOf(network) !== undefined };
}

/** The machine's addresses on the bridge. */
function bridgeAddresses(network: Network): { readonly address: string; readonly address6?: string } {
  const prefix = prefixOf(network);
  const address = formatAddress(gateway(network.subnet));
  return prefix === undefined ? { address } : { address, address6: gateway6(prefix) };
}

/** Whether a program listens at a port of the bridge; the machine is read with the first question. */
function takenOn(network: Network): (port: number) => boolean {
  let found: readonly Listener[] | undefined;
  const addresses = Object.values(bridgeAddresses(network));
  const read = () => parseListeners(...["tcp", "tcp6"].map((name) => readIfThere(`/proc/net/${name}`) ?? ""));
  return (port) => {
    found ??= read();
    return found.some((listener) => occupies(listener, { port, addresses }));
  };
}
