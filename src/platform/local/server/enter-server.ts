import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { environment } from "../../linux/environment.ts";
import { openFilesLimit } from "../../linux/limits.ts";
import { resolveInRoot } from "../../linux/paths-in-root.ts";
import { openContent, secretVariables } from "../../linux/placed-content.ts";
import type { Call, Entrance, ExecOrder } from "../../platform.ts";
import type { HostContext } from "../context.ts";
import { rootPath } from "../image/roots.ts";
import { type ServerPaths, serverPaths } from "../paths.ts";
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
  const transcript = join(server.folder, `session-${session}.cast`);
  writeFileSync(transcript, "", { mode: 0o600 });
  host.inspector.drop(id);
  host.records.write({ ...running(host, id), openedAtMs: record.openedAtMs ?? host.clock.now() });
  const log = [`--log=${server.runtimeLog}`, "--log-format=json"];
  const argv = [findProgram("runc"), `--root=${host.paths.runc}`, ...log, "exec", "--process", file, id];
  return { argv, transcript };
}

/** Absolute paths of what the sessions in a server have left. */
export function transcriptsOf({ folder }: ServerPaths): readonly string[] {
  const names = namesIn(folder).filter((name) => /^session-\d+\.cast$/.test(name));
  return names.map((name) => join(folder, name));
}

/** See `Access.check`: a mistyped command must not cost a server. */
export async function checkProgram(
  host: HostContext,
  id: ServerId,
  [program = ""]: readonly string[],
  call: Call,
): Promise<void> {
  const record = running(host, id);
  const input = await inputOf(host, record, [], call);
  const root = rootPath(host.paths, record.root);
  const found = candidates(program, input).map((path) => resolveInRoot(root, path).stats);
  if (found.some((stats) => stats?.isFile() && (stats.mode & 0o111) !== 0)) return;
  throw new KilnError("command_missing", `${id} has no program ${JSON.stringify(program)}.`, {
    hint: "Only programs of its image can run in it. Many images have no shell.",
  });
}

/** Where execvp(3) would look. */
function candidates(program: string, input: ProcessInput): readonly string[] {
  if (program.startsWith("/")) return [program];
  if (program.includes("/")) return [join("/", input.image.workingFolder, program)];
  const path = environment(input).find((line) => line.startsWith("PATH=")) ?? "";
  const folders = program === "" ? [] : path.slice("PATH=".length).split(":");
  return folders.map((folder) => join("/", folder, program));
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
