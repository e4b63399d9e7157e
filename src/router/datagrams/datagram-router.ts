import { rm } from "node:fs/promises";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";

import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { ownerOf } from "../haproxy/check.ts";
import { assertNoConflict } from "../haproxy/config/frontends.ts";
import { serialQueue } from "../queue.ts";
import type { RoutedService, Router, Upstream } from "../router.ts";
import { endFlow, endFlowsOf, type Flow, isQuiet, momentOf, readFlows } from "./flows.ts";
import { assertDatagramPortsFree } from "./ports.ts";
import { datagramRules, type ServersLink, tableName } from "./rules.ts";
import { answerLoopback, bridgedWarning, listedAs, placeTable, presentTable, removeTable } from "./table.ts";

export interface DatagramRouterOptions extends ServersLink {
  /** What was applied last, in a file of its own: the kernel's table alone does not tell whose servers are whose. */
  readonly record: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The parts of a router that UDP has. */
export type DatagramRouter = Pick<
  Router,
  "observe" | "apply" | "remove" | "open" | "check" | "stopIdle" | "stop"
> &
  Required<Pick<Router, "closeLong" | "renew">>;

/** Many servers that leave ask for their flows at once, and often. */
const flowsKeptMs = 500;
/** So many flows are moved one by one in a step of the drain time; the others when the server is out of it. */
const mostMoved = 50;
/** How long a repair stays in the report. */
const toldMs = 600_000;

/**
 * Leads datagrams to servers by a table of the kernel's packet filter, since HAProxy knows no UDP. Flows stay with their server while
 * it has a weight. When it leaves they are moved in their turn at the end of the drain time, and when it is gone at once.
 */
export function datagramRouter(options: DatagramRouterOptions): DatagramRouter {
  const router = new KernelRouter(options);
  const inTurn = serialQueue();
  return {
    observe: () => inTurn(() => router.observe()),
    apply: (service) => inTurn(() => router.apply(service)),
    remove: (service) => inTurn(() => router.remove(service)),
    open: (service, upstream) => router.open(service, upstream),
    closeLong: (service, upstream, progress) => router.closeLong(service, upstream, progress),
    check: (service, frontends) => inTurn(() => router.check(service, frontends)),
    renew: () => router.warnings(),
    stopIdle: () => inTurn(() => router.stopIdle()),
    stop: () => inTurn(() => router.stop()),
  };
}

class KernelRouter {
  readonly #o: DatagramRouterOptions;
  readonly #mended = new Map<string, number>();
  #listed: { readonly rules: string; readonly text: string } | undefined;
  #flows: { readonly atMs: number; readonly found: Promise<readonly Flow[]> } | undefined;

  constructor(options: DatagramRouterOptions) {
    this.#o = options;
  }

  /** Nothing of a table that is not as it was written: what watches the services has it written again. */
  async observe(): Promise<readonly RoutedService[]> {
    const services = await this.#recorded();
    if (services.length === 0) return [];
    if (!(await this.#isAsWritten(services))) return [];
    if (await answerLoopback(this.#o, true)) this.#tell(`route_localnet of ${this.#o.bridge} was off.`);
    return services;
  }

  /** Says so when another program has deleted or changed the table. */
  async #isAsWritten(services: readonly RoutedService[]): Promise<boolean> {
    const present = await presentTable(this.#o);
    if (present === (await this.#textOf(services))) return true;
    const what = `The packet filter table inet ${tableName(this.#o)} was ${present === undefined ? "deleted" : "changed"}.`;
    this.#tell(what);
    return false;
  }

  #tell(what: string): void {
    this.#o.log.warn(what);
    this.#mended.set(`${what} Kiln repaired it.`, this.#o.clock.elapsed());
  }

  async apply(asked: RoutedService): Promise<void> {
    const recorded = await this.#recorded();
    // What is written next would hide it.
    if (recorded.length > 0) await this.#isAsWritten(recorded);
    const others = recorded.filter(({ service }) => service !== asked.service);
    assertNoConflict(shown(asked), others.map(shown));
    await this.#requirePorts(asked.frontends, recorded);
    await this.#place([...others, asked], recorded);
  }

  async remove(service: ServiceKey): Promise<void> {
    const recorded = await this.#recorded();
    const rest = recorded.filter((found) => found.service !== service);
    if (rest.length < recorded.length) await this.#place(rest, recorded);
  }

  async check(service: ServiceKey, frontends: readonly TrafficSpec[]): Promise<void> {
    const recorded = await this.#recorded();
    // A service and its preview make room for each other.
    const others = recorded.filter((found) => ownerOf(found.service) !== ownerOf(service));
    assertNoConflict(shown({ service, frontends }), others.map(shown));
    await this.#requirePorts(frontends, recorded);
    await this.#readFlows(); // without the program for it servers could not leave
  }

  /** Flows on which an answer may still come. */
  async open(service: ServiceKey, upstream: ServerId): Promise<number> {
    const flows = await this.#flowsOf(service, upstream);
    return flows.filter((flow) => !isQuiet(flow)).length;
  }

  async closeLong(service: ServiceKey, upstream: ServerId, progress: number): Promise<void> {
    const flows = await this.#flowsOf(service, upstream);
    const due = flows.filter((flow) => !isQuiet(flow) && momentOf(flow) <= progress);
    this.#flows = undefined;
    for (const flow of due.slice(0, mostMoved)) await endFlow(flow);
  }

  /** What was repaired lately, and what of others keeps servers from services. */
  async warnings(): Promise<readonly ServiceWarning[]> {
    const nowMs = this.#o.clock.elapsed();
    for (const [message, atMs] of this.#mended) if (nowMs - atMs > toldMs) this.#mended.delete(message);
    const hint = "You need not do anything: another program on this machine had changed it.";
    const mended = [...this.#mended.keys()].map((message) => ({ service: undefined, message, hint }));
    return [...mended, ...((await this.#recorded()).length > 0 ? await bridgedWarning() : [])];
  }

  async stopIdle(): Promise<void> {
    if ((await this.#recorded()).length === 0) await this.stop();
  }

  async stop(): Promise<void> {
    if ((await readTextIfExists(this.#o.record)) === undefined) return;
    await removeTable(this.#o);
    await rm(this.#o.record, { force: true });
  }

  /** The record comes first: after a crash in between, the table is not what it says, and is written again. */
  async #place(services: readonly RoutedService[], before: readonly RoutedService[]): Promise<void> {
    if (services.length === 0) await this.stop();
    else {
      const text = canonicalJson(services);
      if (text !== canonicalJson(before)) await writeFileAtomic(this.#o.record, text, { durable: false });
      await placeTable(datagramRules(this.#o, services));
      await answerLoopback(this.#o, true);
    }
    await this.#endGone(services, before);
  }

  /** Flows of servers that are out of it find another one at once. */
  async #endGone(services: readonly RoutedService[], before: readonly RoutedService[]): Promise<void> {
    const kept = new Set(services.flatMap(({ upstreams }) => upstreams.map(placeOf)));
    const gone = before.flatMap(({ upstreams }) => upstreams).filter((known) => !kept.has(placeOf(known)));
    for (const { address, port } of gone) await endFlowsOf(address, port);
  }

  async #flowsOf(service: ServiceKey, upstream: ServerId): Promise<readonly Flow[]> {
    const found = (await this.#recorded()).find((known) => known.service === service);
    const at = found?.upstreams.find(({ id }) => id === upstream);
    if (at === undefined) return [];
    const flows = await this.#readFlows();
    return flows.filter(({ server, serverPort }) => server === at.address && serverPort === at.port);
  }

  #readFlows(): Promise<readonly Flow[]> {
    const nowMs = this.#o.clock.elapsed();
    if (this.#flows === undefined || nowMs - this.#flows.atMs > flowsKeptMs)
      this.#flows = { atMs: nowMs, found: readFlows() };
    return this.#flows.found;
  }

  async #requirePorts(frontends: readonly TrafficSpec[], recorded: readonly RoutedService[]): Promise<void> {
    const ours = new Set(recorded.flatMap(openWays).map(({ listen }) => listen));
    const wanted = openWays({ frontends }).filter(({ listen }) => !ours.has(listen));
    await assertDatagramPortsFree(wanted, tableName(this.#o));
  }

  async #recorded(): Promise<readonly RoutedService[]> {
    const text = await readTextIfExists(this.#o.record);
    return text === undefined ? [] : JSON.parse(text);
  }

  async #textOf(services: readonly RoutedService[]): Promise<string> {
    const rules = datagramRules(this.#o, services);
    if (this.#listed?.rules !== rules) this.#listed = { rules, text: await listedAs(this.#o, rules) };
    return this.#listed.text;
  }
}

/** Without what leads a name there: each name has an address of its own, so services may have one port there. */
function shown<T extends Pick<RoutedService, "service" | "frontends">>(routed: T): T {
  return { ...routed, frontends: routed.frontends.filter(({ named }) => named === undefined) };
}

/** Ports of the machine, open to all. */
function openWays({ frontends }: Pick<RoutedService, "frontends">): RoutedService["frontends"] {
  return frontends.filter(({ closed, named }) => !closed && named === undefined);
}

function placeOf({ address, port }: Upstream): string {
  return `${address} ${port}`;
}
