import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Entrance, ExecOrder } from "../../contract/access.ts";
import type { Call } from "../../contract/call.ts";
import { environment } from "../../linux/environment.ts";
import { requireProgram } from "../../linux/sessions/program-in-root.ts";
import { sessionArgv } from "../../linux/sessions/session-program.ts";
import { newTranscript } from "../../linux/sessions/transcripts.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { DockerContext } from "../context.ts";
import { createdExec, inspectedContainer } from "../engine/answers.ts";
import type { DockerSession } from "./session.ts";

const worker = new URL("session-worker.ts", import.meta.url);

/** See `Access.isolate`. The caller holds the server's lock. */
export function isolateServer(host: DockerContext, id: ServerId): void {
  const record = running(host, id);
  if (record.quarantinedAtMs === undefined)
    host.records.write({ ...record, quarantinedAtMs: host.clock.now() });
}

/**
 * See `Access.enter`. The caller holds the server's lock. The session is on record before anyone can enter:
 * from then on the server is not looked at, so what is done in it does not count as drift.
 */
export async function enterServer(
  host: DockerContext,
  { server, session, command, terminal }: ExecOrder,
  call: Call,
): Promise<Entrance> {
  const { container } = running(host, server);
  // 409: it does not run, or is paused.
  const body = {
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
    ...{ Tty: terminal, Cmd: command },
  };
  const path = `/containers/${container}/exec`;
  const made = await host.engine.read(
    { method: "POST", path, body, accept: [404, 409], signal: call.signal },
    createdExec,
  );
  if (made === undefined) throw notRunning(server);
  const transcript = newTranscript(join(host.folder, server), session);
  host.inspector.drop(server);
  const record = running(host, server);
  host.records.write({ ...record, openedAtMs: record.openedAtMs ?? host.clock.now() });
  const order: DockerSession = { socket: host.socket, exec: made.Id, terminal };
  return { argv: sessionArgv(worker, order), transcript };
}

/**
 * See `Access.check`. The kernel shows the server's root file system to root alone: for others the engine tells only when the session has begun that
 * there is no such program.
 */
export async function checkProgram(
  host: DockerContext,
  id: ServerId,
  command: readonly string[],
  call: Call,
): Promise<void> {
  const { container, release } = running(host, id);
  const path = `/containers/${container}/json`;
  const found = await host.engine.read({ path, accept: [404], signal: call.signal }, inspectedContainer);
  if (found === undefined || found.State.Pid === 0) throw notRunning(id);
  if (process.getuid?.() !== 0) return;
  const { image } = await host.images.ensure(release.image, call);
  const { service, number, shape } = release;
  requireProgram(id, `/proc/${found.State.Pid}/root`, command, {
    environment: environment({ id, service, release: number, image, shape, variables: [] }),
    workingFolder: image.workingFolder,
  });
}

function running(host: DockerContext, id: ServerId): ContainerRecord {
  const record = host.records.read(id);
  if (record?.started && record.exit === undefined) return record;
  throw notRunning(id);
}

function notRunning(id: ServerId): KilnError {
  return new KilnError("server_unknown", `No server ${id} is running.`, {
    hint: "`kiln servers` lists them.",
  });
}
