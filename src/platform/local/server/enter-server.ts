import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Entrance, ExecOrder } from "../../contract/access.ts";
import type { Call } from "../../contract/call.ts";
import { environment } from "../../linux/environment.ts";
import { openFilesLimit } from "../../linux/limits.ts";
import { openContent, secretVariables } from "../../linux/placed-content.ts";
import { requireProgram } from "../../linux/sessions/program-in-root.ts";
import { newTranscript } from "../../linux/sessions/transcripts.ts";
import type { HostContext } from "../context.ts";
import { rootPath } from "../image/roots.ts";
import { serverPaths } from "../paths.ts";
import { findProgram, oomScore } from "../programs.ts";
import { type ProcessInput, processOf } from "./oci-config.ts";
import type { ServerRecord } from "./records.ts";
import { toRuntimeJson } from "./runtime-config.ts";

/** See `Access.isolate`. The caller holds the server's lock. */
export function isolateServer(host: HostContext, id: ServerId): void {
  const record = running(host, id);
  if (record.quarantinedAtMs === undefined) {
    host.records.write({ ...record, quarantinedAtMs: host.clock.now() });
  }
}

/**
 * See `Access.enter`. The caller holds the server's lock. The session is on record before anyone can enter:
 * from then on the server is not looked at, so what is done in it does not count as drift.
 */
export async function enterServer(host: HostContext, order: ExecOrder, call: Call): Promise<Entrance> {
  const { server: id, session, command, terminal } = order;
  const record = running(host, id);
  const variables = secretVariables(await openContent(host, record.release));
  const server = serverPaths(host.paths, id);
  const process = { ...processOf(await inputOf(host, record, variables, call), terminal), args: command };
  // Secrets are in memory alone.
  const file = join(variables.length > 0 ? server.secrets : server.folder, `session-${session}.json`);
  writeFileSync(file, toRuntimeJson(process), { mode: 0o600 });
  const transcript = newTranscript(server.folder, session);
  host.inspector.drop(id);
  host.records.write({ ...running(host, id), openedAtMs: record.openedAtMs ?? host.clock.now() });
  const log = [`--log=${server.runtimeLog}`, "--log-format=json"];
  const argv = [findProgram("runc"), `--root=${host.paths.runc}`, ...log, "exec", "--process", file, id];
  return { argv, transcript };
}

/** See `Access.check`. */
export async function checkProgram(
  host: HostContext,
  id: ServerId,
  command: readonly string[],
  call: Call,
): Promise<void> {
  const record = running(host, id);
  const input = await inputOf(host, record, [], call);
  requireProgram(id, rootPath(host.paths, record.root), command, {
    environment: environment(input),
    workingFolder: input.image.workingFolder,
  });
}

async function inputOf(
  host: HostContext,
  { id, release }: ServerRecord,
  variables: ProcessInput["variables"],
  call: Call,
): Promise<ProcessInput> {
  const image = await host.images.open(release.image, call);
  const { service, number, shape } = release;
  return {
    id,
    service,
    release: number,
    image,
    shape,
    variables,
    openFiles: openFilesLimit(),
    oomScore: oomScore(),
  };
}

function running(host: HostContext, id: ServerId): ServerRecord {
  const record = host.records.read(id);
  if (record?.running && !record.freed) return record;
  throw new KilnError("server_unknown", `No server ${id} is running.`, {
    hint: "`kiln servers` lists them.",
  });
}
