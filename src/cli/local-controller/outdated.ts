import { type Code, isUntouched, readCode } from "../../lib/code.ts";
import { KilnError } from "../../lib/errors.ts";
import { type Holder, readHolder } from "../../lib/process/holder.ts";
import type { StateFolder } from "../../lib/state-folder.ts";

/** A controller that runs other code than a command. */
export interface Outdated {
  readonly holder: Holder;
  /** The code of a controller that is started now. */
  readonly code: Code;
}

/**
 * The running controller, if its code differs from the code on the disk here. The disk is read each time: an upgrade
 * may replace the code while a command follows a rollout.
 */
export async function findOutdated({ controllerLock }: StateFolder): Promise<Outdated | undefined> {
  const holder = await readHolder(controllerLock);
  if (holder === undefined || (holder.code && isUntouched(holder.code))) return undefined;
  const code = readCode();
  if (holder.code?.revision === code.revision) return undefined;
  return { holder, code };
}

/** The code of a controller in words: `version 1.2.0 in /opt/kiln (revision 12ab34cd)`. */
export function codeWords(code: Code | undefined): string {
  if (code === undefined) return "an earlier version";
  return `version ${code.version} in ${code.folder} (revision ${code.revision.slice(0, 8)})`;
}

/** A controller that no command has started must be ended by the person or service that started it. */
export function outdatedController({ holder, code }: Outdated): KilnError {
  const service =
    "systemd runs it: `systemctl restart kiln` (or the name of its unit). If Kiln has moved to another folder, first write the unit again with `kiln controller unit`.";
  const person =
    "It was started by hand: end it there, or with `kiln controller stop`, and start it again from here.";
  return new KilnError(
    "controller_outdated",
    `The controller (pid ${holder.pid}) runs ${codeWords(holder.code)}, and this is ${codeWords(code)}.`,
    { hint: `${holder.startedBy === "service" ? service : person} Servers keep running meanwhile.` },
  );
}
