import { globSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { arch, release } from "node:os";
import { join } from "node:path";
import { createClient } from "../../api/client/client.ts";
import { lineOf } from "../../audit/entry.ts";
import { readEntries } from "../../audit/read-entries.ts";
import { readCode } from "../../lib/code.ts";
import { toKilnError } from "../../lib/errors.ts";
import { readHolder } from "../../lib/process/holder.ts";
import { examine } from "../commands/machine/doctor.ts";
import type { Context } from "../context.ts";
import { listens } from "../local-controller/start.ts";
import { redactJson, redactLines, redactText } from "./redact.ts";

/** One file of the archive: text without secrets. */
export interface DebugPart {
  readonly path: string;
  /** Continues "`path`: ". */
  readonly about: string;
  readonly text: string;
}

/** A bundle is to be read by people: the newest of what may be long. */
const most = { events: 2_000, logBytes: 1024 * 1024 };

interface Source {
  readonly path: string;
  readonly about: string;
  readonly read: (context: Context) => Promise<unknown>;
}

/** What is not text is written as JSON. None of them reads keys, secrets, images, volumes, evidence or the output of servers. */
const sources: readonly Source[] = [
  { path: "versions.json", about: "Kiln, Node.js and the machine", read: versions },
  { path: "doctor.json", about: "what `kiln doctor` finds", read: examine },
  { path: "controller.json", about: "the controller and its targets", read: controller },
  { path: "status.json", about: "what `kiln status` shows", read: status },
  { path: "events.jsonl", about: `the newest ${most.events} events`, read: events },
  { path: "controller.log", about: "the end of the controller's log", read: controllerLog },
];

/** A part that cannot be had says why in its place: a bundle is made when something is broken. */
export async function debugParts(context: Context): Promise<readonly DebugPart[]> {
  return Promise.all([...sources, ...routerSources(context)].map((source) => partOf(context, source)));
}

async function partOf(context: Context, { path, about, read }: Source): Promise<DebugPart> {
  try {
    return { path, about, text: textOf(await read(context)) };
  } catch (error) {
    const { message, hint = "" } = toKilnError(error, context.state.home);
    return { path, about, text: redactText(`Missing: ${message} ${hint}\n`) };
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? redactText(value) : `${JSON.stringify(redactJson(value), null, 2)}\n`;
}

async function versions({ state }: Context): Promise<unknown> {
  const { version, revision, folder } = readCode();
  const os = await readFile("/etc/os-release", "utf8").catch(() => "");
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(os)?.[1];
  const runs = await readHolder(state.controllerLock);
  return {
    version,
    revision,
    folder,
    node: process.versions.node,
    kernel: release(),
    arch: arch(),
    system,
    runs,
  };
}

/** Of a controller that runs, whatever code it runs: none is started. */
async function controller({ state }: Context): Promise<unknown> {
  if (!(await listens(state.controllerSocket))) return { running: false };
  const client = createClient(state.controllerSocket);
  return { running: true, ...(await client.info()), targets: await client.targets() };
}

async function status({ state }: Context): Promise<unknown> {
  if (!(await listens(state.controllerSocket))) return { running: false };
  return createClient(state.controllerSocket).services();
}

/** From the database: it is there without a controller. */
async function events({ state }: Context): Promise<string> {
  let newest: string[] = [];
  for (const entry of readEntries(state.database)) {
    newest.push(`${JSON.stringify(redactJson(JSON.parse(lineOf(entry))))}\n`);
    if (newest.length >= 2 * most.events) newest = newest.slice(-most.events);
  }
  return newest.slice(-most.events).join("");
}

async function controllerLog({ state }: Context): Promise<string> {
  return redactLines(await endOf(state.controllerLog));
}

/** Every target with a router of its own has a folder for it, next to the local one. */
function routerSources({ state }: Context): Source[] {
  return globSync("router*/haproxy.{cfg,log}", { cwd: state.home })
    .sort()
    .map((path) => ({
      path,
      about: path.endsWith("cfg") ? "the router's configuration" : "the end of the router's log",
      read: () => endOf(join(state.home, path)),
    }));
}

/** Whole lines: the rest of one whose beginning is missing does not show what it is. */
async function endOf(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, most.logBytes));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length);
  const text = bytes.toString("utf8", 0, bytesRead);
  return size > bytes.length ? text.slice(text.indexOf("\n") + 1) : text;
}
