import { type Actor, actorName } from "../../domain/access/actor.ts";
import type { Finding } from "../../domain/drift/drift.ts";
import type { ServerId } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import { viewOf } from "../../domain/plan/service-view.ts";
import { reasonToWait, situationOf } from "../../domain/plan/upkeep/drift-response.ts";
import { atTarget } from "../../domain/rollout/move.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import { KilnError } from "../../lib/errors.ts";
import { findProcess, type ProcessRef } from "../../lib/process/proc.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Access } from "../../platform/contract/access.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { NewSession } from "../../store/sessions.ts";
import type { Store } from "../../store/store.ts";
import type { NewTaint } from "../../store/taints.ts";
import type { ExecGrant, ExecRequest, Operations } from "../operations.ts";
import type { FoundServer, Targets } from "../targets/targets.ts";
import { unknownServer } from "./unknown-server.ts";

export interface ExecParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly call: () => Call;
}

type Request = ExecRequest & { readonly actor: Actor };

/** Break-glass: people in servers. */
export function createExec(parts: ExecParts): Pick<Operations, "exec" | "endExec"> {
  return {
    exec: (request, { actor }) => exec(parts, { ...request, actor }),
    endExec: async ({ session, exitCode }) => {
      const open = parts.store.sessions().find(({ id }) => id === session);
      parts.store.endSession(session, { exitCode, reason: `ended with exit code ${exitCode}` });
      if (open !== undefined) parts.targets.poke(open.service);
    },
  };
}

/** First it is on record and in the taint; whatever fails afterwards, the server is replaced. */
async function exec(parts: ExecParts, request: Request): Promise<ExecGrant> {
  const { store, targets, call } = parts;
  const { server, command, terminal, actor, reason } = request;
  const process = requireProcess(request.pid);
  const { site, observation } = await targets.find(server);
  const access = requireAccess(site.platform, server);
  admit(parts, request, { site, observation });
  await access.check(server, command, call());
  const { service, taint } = admit(parts, request, { site, observation }); // drift may have been found while we looked
  const session = store.openSession({ service, server, actor, reason, command, process, taint });
  try {
    if (taint?.take) await access.isolate(server, call());
    const entrance = await access.enter({ server, session, command, terminal }, call());
    return { session, ...entrance, tainted: taint !== undefined };
  } catch (error) {
    store.endSession(session, { exitCode: undefined, reason: "could not begin" });
    throw error;
  } finally {
    targets.poke(service);
  }
}

/** The server's service, and the taint that a session leaves: none on a reproduction, which is made for sessions. */
function admit(
  parts: ExecParts,
  request: Request,
  found: FoundServer,
): Pick<NewSession, "service" | "taint"> {
  const { observation } = found;
  const copy = observation.reproductions?.find(({ id }) => id === request.server);
  if (copy?.state === "running") return { service: copy.service, taint: undefined };
  if (copy !== undefined) throw refused(copy.id, copy.reason ?? "it does not run yet");
  const desired = requireOpen(parts.store, request.server, observation);
  return { service: desired.service, taint: taintOf(parts, desired, request, found) };
}

function requireAccess({ name, exec }: Platform, server: ServerId): Access {
  if (exec !== undefined) return exec;
  throw new KilnError("exec_refused", `Kiln runs no commands in servers of the platform ${name}.`, {
    hint: `\`kiln logs ${server}\` shows what it has written.`,
  });
}

function requireProcess(pid: number): ProcessRef {
  const process = findProcess(pid);
  if (process !== undefined) return process;
  throw new KilnError("usage", `There is no process ${pid} on this machine to hold the session.`, {
    hint: "Run `kiln exec` on the machine that the server is on.",
  });
}

/** No one is let into a server that is frozen, on its way out or not there yet. Returns its service. */
function requireOpen(store: Store, server: ServerId, observation: Observation): DesiredService {
  const group = observation.groups.find(({ servers }) => servers.some(({ id }) => id === server));
  const state = group?.servers.find(({ id }) => id === server)?.state;
  const desired = group && store.desired(group.service);
  if (desired === undefined || state === undefined) throw unknownServer(server, [observation]);
  const taint = desired.taints.find((t) => t.server === server);
  const isTaken = taint?.takenAtMs !== undefined && !taint.held;
  if (!isTaken && state !== "creating" && state !== "draining") return desired;
  throw refused(server, isTaken ? whyTaken(taint.finding) : `it is ${state}`);
}

function whyTaken({ kind, subject }: Finding): string {
  return kind === "exec"
    ? `it is taken out, because ${subject} was in it`
    : "it is taken out, because it has drifted";
}

function refused(server: ServerId, why: string): KilnError {
  return new KilnError("exec_refused", `Kiln lets no one into ${server}: ${why}.`, {
    hint: "`kiln servers` lists the servers; `kiln evidence show SERVER` describes one in quarantine.",
  });
}

/** The person who asks knows that the server is no longer to be trusted: such a taint is never only reported. */
function taintOf(
  { clock }: ExecParts,
  desired: DesiredService,
  { server, actor, reason }: Request,
  { site, observation }: FoundServer,
): Omit<NewTaint, "service"> {
  const atMs = clock.now();
  const by = actorName(actor);
  const { service } = desired;
  const now = viewOf(site.loop.current(service), service);
  const why = reasonToWait(situationOf(atTarget(desired, site.target.name) ?? desired, now, server, atMs));
  const detail = `${by} was let in: ${reason}`;
  const group = observation.groups.find(({ servers }) => servers.some(({ id }) => id === server));
  const finding = {
    server,
    service,
    release: group?.release ?? 0,
    kind: "exec",
    subject: by,
    detail,
    atMs,
    who: undefined,
    seenBy: "kiln",
  } as const;
  const response = desired.upkeep.drift.response === "quarantine" ? "quarantine" : "replace";
  return { target: site.target.name, finding, response, take: why === undefined, why };
}
