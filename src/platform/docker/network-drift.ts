import type { Finding } from "../../domain/drift/drift.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Call } from "../contract/call.ts";
import type { DriftSource } from "../contract/drift-source.ts";
import { parseServerId } from "../fleet/server-id.ts";
import type { DockerContext } from "./context.ts";
import { type ListedContainer, listedContainers } from "./engine/answers.ts";
import { label, ours } from "./names.ts";

type Host = Pick<DockerContext, "engine" | "names" | "clock" | "log">;

const lookMs = 30_000;
/** Its event about a connection comes before its list has it: so that is looked at again and again. */
const everyMs = 3_000;

/**
 * What `inner` finds, and other networks that someone has connected a server to (`docker network connect`). The engine does that itself, in a moment, and
 * leaves no process in the server; its list has it.
 */
export function withNetworkDrift(host: Host, inner: DriftSource): DriftSource {
  const ended = new AbortController();
  const finders = new Set<(finding: Finding) => void>();
  let findings: readonly Finding[] = [];

  async function look({ signal }: Pick<Call, "signal">): Promise<void> {
    const query = { filters: ours(host.names) };
    const found = await host.engine.read({ path: "/containers/json", query, signal }, listedContainers);
    const now = (found ?? []).flatMap((one) => otherNetworks(one, host.names.network, host.clock.now()));
    const isOne = (a: Finding) => (b: Finding) => a.server === b.server && a.subject === b.subject;
    const fresh = now.filter((one) => !findings.some(isOne(one)));
    // A taint is for good: what someone has taken back counts as long as the server is there.
    const servers = new Set((found ?? []).map(({ Labels }) => Labels[label.server]));
    findings = [...findings.filter(({ server }) => servers.has(server)), ...fresh];
    for (const finding of fresh) {
      host.log.warn({ ...finding }, "a server has drifted");
      for (const tell of finders) tell(finding);
    }
  }

  async function tryToLook(): Promise<void> {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(lookMs)]);
    await look({ signal }).catch((error: unknown) => {
      if (!ended.signal.aborted)
        host.log.debug({ error: toKilnError(error).message }, "Docker's networks are not looked at");
    });
  }

  async function keepLooking(): Promise<void> {
    while (!ended.signal.aborted) {
      await tryToLook();
      await host.clock.sleep(everyMs, ended.signal).catch(() => {});
    }
  }

  void keepLooking();

  return {
    watch: (found) => {
      const tell = (finding: Finding) => found(finding);
      const others = inner.watch(found);
      finders.add(tell);
      return {
        [Symbol.dispose]: () => {
          finders.delete(tell);
          others[Symbol.dispose]();
        },
      };
    },
    watchNotices: (told) => inner.watchNotices(told),
    findings: () => [...inner.findings(), ...findings].toSorted((a, b) => a.atMs - b.atMs),
    inspect: async (call) => {
      await Promise.all([inner.inspect(call), look(call)]);
      return [...inner.findings(), ...findings].toSorted((a, b) => a.atMs - b.atMs);
    },
    ...(inner.freeze === undefined ? {} : { freeze: (server: string) => inner.freeze?.(server) ?? false }),
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await inner[Symbol.asyncDispose]();
    },
  };
}

/** Pure. Jobs and copies are no one's to look at: a copy is there to be changed. */
export function otherNetworks(
  { Labels, State, NetworkSettings }: ListedContainer,
  own: string,
  atMs: number,
): readonly Finding[] {
  const [server, service, release] = [label.server, label.service, label.release].map((key) => Labels[key]);
  if (server === undefined || service === undefined || parseServerId(server) === undefined) return [];
  if (State !== "running" && State !== "paused") return [];
  const others = Object.keys(NetworkSettings?.Networks ?? {}).filter((name) => name !== own);
  return others.map((name) => ({
    ...{ server, service, release: Number(release), atMs, who: undefined, seenBy: "watch" },
    ...{ kind: "network", subject: name },
    detail: `someone has connected it to the network ${name} of the engine`,
  }));
}
