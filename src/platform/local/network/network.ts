import { mkdirSync } from "node:fs";
import type { ServerId, ServiceKey } from "../../../domain/ids.ts";
import { KilnError, toKilnError } from "../../../lib/errors.ts";
import { sha256 } from "../../../lib/files/sha256.ts";
import type { Lock } from "../../../lib/locks.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { HostTrouble, NamedWay, OfferedName } from "../../fleet/host.ts";
import type { HostPaths } from "../paths.ts";
import {
  type Chooser,
  isFormRecorded,
  lacksPrefix,
  readNetwork,
  recordedNetwork,
  recordForm,
} from "./choice.ts";
import { bridgeName, filterRules, type Network, type ServerPort } from "./commands.ts";
import { type Broken, compareNetwork } from "./comparison.ts";
import { describeNetwork } from "./description.ts";
import { NameBook } from "./names/names.ts";
import { type Caller, nameRules, namesTable } from "./names/rules.ts";
import type { WantedTables } from "./part.ts";
import { mendAll, removeNetwork } from "./repair.ts";
import { linkExists, readState, rulesetOf } from "./state.ts";
import { isOutdated, uplinkMtuOf } from "./uplink.ts";

/** Without a cause the network is looked at this often, and servers are made relying on the last look; one takes 20 ms of a processor with 100 servers. */
const slowMs = 9_000;
/** How long a repair stays in the report. */
const toldMs = 600_000;

/** What one installation has on the machine's network: made, compared with what is there, and mended. */
export interface LocalNetwork {
  /**
   * Makes or mends what all servers share. The caller holds the host's lock. Throws `platform_unusable` when something of
   * others is in the way.
   */
  ensure(): Promise<Network>;
  /** Compares everything with what should be, when something was suspected or the last time is long ago, and mends it. */
  verify(servers: readonly ServerPort[]): Promise<void>;
  /** Something was not reached: the next `verify` looks. */
  suspect(): void;
  /** What is wrong now, without mending anything. Nothing while there is no network. */
  compare(servers: readonly ServerPort[]): Promise<readonly HostTrouble[]>;
  /** Why nothing can reach a server any more; undefined for all others. */
  lost(server: ServerId): string | undefined;
  /** What is wrong with what all servers share, and what was until it was mended. */
  troubles(): readonly HostTrouble[];
  /** Names lead the servers that there are now to what they may reach. The caller holds the host's lock. */
  placeNames(): Promise<void>;
  /** See `ServiceNames`. */
  offer(service: ServiceKey, offered: OfferedName): Promise<readonly NamedWay[]>;
  withdraw(service: ServiceKey): Promise<void>;
  /** Removes all of it. The choice of addresses stays on record. The caller holds the host's lock. */
  remove(): Promise<void>;
}

export interface NetworkOptions {
  readonly paths: HostPaths;
  readonly tag: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Held while something is mended outside `ensure`. */
  readonly lock: Lock;
  /** Of every server that has an address of the network. */
  readonly links: Chooser["links"];
  /** Every server that has an address of the network. */
  readonly callers: () => readonly Caller[];
}

export function localNetwork(options: NetworkOptions): LocalNetwork {
  return new MachineNetwork(options);
}

class MachineNetwork implements LocalNetwork {
  readonly #o: NetworkOptions;
  readonly #mended = new Map<string, number>();
  #lost: ReadonlyMap<ServerId, string> = new Map();
  #wrong: readonly HostTrouble[] = [];
  readonly #names: NameBook;
  readonly #rulesets = new Map<string, { readonly rules: string; readonly text: string }>();
  #goodMs = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #suspected = false;
  #uplinkMtu: number | undefined;

  constructor(options: NetworkOptions) {
    this.#o = options;
    this.#names = new NameBook(options.paths, options.callers);
  }

  async ensure(): Promise<Network> {
    const { paths, tag, clock, links } = this.#o;
    mkdirSync(paths.host, { recursive: true, mode: 0o700 });
    const recorded = recordedNetwork(paths, tag);
    const isGood = !this.#suspected && clock.elapsed() - this.#goodMs < slowMs;
    if (recorded && isGood && !lacksPrefix(recorded) && linkExists(bridgeName(tag))) return recorded;
    const network = await readNetwork(this.#o);
    const left = await this.#settle(network, [], links().length > 0 && !hasOtherMtu(network, recorded));
    const fatal = left.filter(({ isFatal }) => isFatal);
    if (fatal.length > 0) throw inTheWay(fatal);
    return network;
  }

  async verify(servers: readonly ServerPort[]): Promise<void> {
    const { paths, tag, clock, lock } = this.#o;
    const network = recordedNetwork(paths, tag);
    if (servers.length === 0 || network === undefined) return;
    if (!this.#suspected && clock.elapsed() - this.#lookedMs < slowMs) return;
    this.#suspected = false;
    this.#lookedMs = clock.elapsed();
    try {
      if (lacksPrefix(network)) return await this.#addPrefix(servers);
      const broken = await this.#look(network, servers);
      if (await this.#follow(network)) return await this.verify(servers);
      const isSettled = broken.length === 0 && isFormRecorded(paths, formOf(network));
      const left = isSettled ? [] : await lock(() => this.#settle(network, servers, true));
      this.#lost = new Map(
        left.flatMap(({ server, words, isImplied }) =>
          server && !isImplied ? [[server, words] as const] : [],
        ),
      );
      this.#wrong = left.filter(({ server }) => server === undefined).map(troubleOf);
    } catch (error) {
      const { message, hint } = toKilnError(error);
      this.#wrong = [{ message: `Kiln cannot inspect the network of servers: ${message}`, hint }];
    }
  }

  /** The machine has IPv6 by now, or an older Kiln gave none: what all servers share gets it, and servers that are made from now on. */
  async #addPrefix(servers: readonly ServerPort[]): Promise<void> {
    await this.#o.lock(() => readNetwork(this.#o));
    this.#suspected = true;
    await this.verify(servers);
  }

  /** The way out of the machine is another one, or takes other packets than before: see `readNetwork`. Resolves to whether that changed anything. */
  async #follow(network: Network): Promise<boolean> {
    const { links, lock, log } = this.#o;
    if (!isOutdated(network, this.#uplinkMtu, links())) return false;
    return lock(async () => {
      const now = await readNetwork(this.#o);
      if (!hasOtherMtu(now, network)) return false;
      log.info(
        { mtu: now.mtu, bridge: now.bridgeMtu },
        "the network of servers follows the MTU of the way out",
      );
      await this.#settle(now, [], false);
      this.#suspected = true;
      return true;
    });
  }

  suspect(): void {
    this.#suspected = true;
  }

  async compare(servers: readonly ServerPort[]): Promise<readonly HostTrouble[]> {
    const network = recordedNetwork(this.#o.paths, this.#o.tag);
    if (network === undefined || servers.length === 0) return [];
    return (await this.#look(network, servers)).filter(({ isImplied }) => !isImplied).map(troubleOf);
  }

  lost(server: ServerId): string | undefined {
    return this.#lost.get(server);
  }

  troubles(): readonly HostTrouble[] {
    const nowMs = this.#o.clock.elapsed();
    for (const [message, atMs] of this.#mended) if (nowMs - atMs > toldMs) this.#mended.delete(message);
    const hint = "You need not do anything: another program on this machine had changed it.";
    return [...this.#wrong, ...[...this.#mended.keys()].map((message) => ({ message, hint }))];
  }

  async placeNames(): Promise<void> {
    const network = this.#present();
    if (network) await this.#names.place(network);
  }

  /** Each change of traffic asks, and seldom changes a name: then it does not wait for servers that are being made. */
  async offer(service: ServiceKey, offered: OfferedName): Promise<readonly NamedWay[]> {
    const network = this.#present();
    if (network === undefined) return [];
    if (!this.#names.isPlaced(network, service, offered))
      await this.#o.lock(async () => {
        await this.#names.offer(network, service, offered);
        await this.placeNames();
      });
    return this.#names.ways(network, service);
  }

  withdraw(service: ServiceKey): Promise<void> {
    return this.#o.lock(async () => {
      await this.#names.withdraw(service);
      await this.placeNames();
    });
  }

  #present(): Network | undefined {
    const { paths, tag } = this.#o;
    return linkExists(bridgeName(tag)) ? recordedNetwork(paths, tag) : undefined;
  }

  async remove(): Promise<void> {
    this.#goodMs = Number.NEGATIVE_INFINITY;
    this.#lost = new Map();
    this.#wrong = [];
    this.#mended.clear();
    this.#names.forget();
    const network = recordedNetwork(this.#o.paths, this.#o.tag);
    if (network) await removeNetwork(network);
  }

  /**
   * Mends what can be mended; resolves to what is wrong after that. `tells`: it was there before. What an older Kiln has made
   * otherwise is brought up to date without a word.
   */
  async #settle(
    network: Network,
    servers: readonly ServerPort[],
    tells: boolean,
  ): Promise<readonly Broken[]> {
    const form = formOf(network);
    const isOurs = isFormRecorded(this.#o.paths, form);
    const before = await this.#look(network, servers);
    const mends = before.flatMap(({ mend }) => mend ?? []);
    const said = mends.length > 0 ? await mendAll(network, mends, this.#names.wanted(network)) : "";
    await recordForm(this.#o.paths, form);
    if (mends.length === 0) return before;
    const after = await this.#look(network, servers);
    if (tells && isOurs)
      this.#tell(
        before.filter(({ words, isImplied }) => !isImplied && !after.some((left) => left.words === words)),
      );
    return after.map((left) => (left.mend ? { ...left, remedy: `Kiln could not repair it: ${said}` } : left));
  }

  #tell(mended: readonly Broken[]): void {
    for (const { words } of mended) {
      this.#o.log.warn(words);
      this.#mended.set(`${words} Kiln repaired it.`, this.#o.clock.elapsed());
    }
  }

  async #look(network: Network, servers: readonly ServerPort[]): Promise<readonly Broken[]> {
    const [wanted, state] = await Promise.all([this.#wanted(network), readState(network, servers)]);
    this.#uplinkMtu = uplinkMtuOf(state);
    const broken = compareNetwork(describeNetwork(network, wanted, servers), state);
    if (!broken.some(({ isFatal }) => isFatal)) this.#goodMs = this.#o.clock.elapsed();
    return broken;
  }

  async #wanted(network: Network): Promise<WantedTables> {
    const { rules, resolver } = this.#names.wanted(network);
    const [filter, nameFilter] = await Promise.all([
      this.#rulesetOf(bridgeName(network.tag), filterRules(network)),
      this.#rulesetOf(namesTable(network.tag), rules),
    ]);
    return { filter, nameFilter, resolver };
  }

  async #rulesetOf(table: string, rules: string): Promise<string> {
    const known = this.#rulesets.get(table);
    if (known?.rules === rules) return known.text;
    const text = await rulesetOf(table, rules);
    this.#rulesets.set(table, { rules, text });
    return text;
  }
}

function hasOtherMtu(network: Network, recorded: Network | undefined): boolean {
  return network.mtu !== recorded?.mtu || network.bridgeMtu !== recorded.bridgeMtu;
}

/** A digest of what this Kiln makes of the choice, whatever names and servers there are. */
function formOf(network: Network): string {
  return sha256(filterRules(network) + nameRules(network, [], []));
}

function troubleOf({ server, words, remedy }: Broken): HostTrouble {
  return { message: server === undefined ? words : `${server} cannot be reached: ${words}.`, hint: remedy };
}

function inTheWay(left: readonly Broken[]): KilnError {
  const hint = left.find(({ remedy }) => remedy !== undefined)?.remedy;
  return new KilnError(
    "platform_unusable",
    `No server can be made: ${left.map(({ words }) => words).join(" ")}`,
    hint === undefined ? {} : { hint },
  );
}
