import { type Code, isUntouched, readCode } from "../../lib/code.ts";
import { KilnError } from "../../lib/errors.ts";
import { type Holder, readHolder } from "../../lib/holder.ts";
import type { StateFolder } from "../../lib/state-folder.ts";

/** A controller that runs other code than a command. */
export interface Outdated {
  readonly holder: Holder;
  /** What a controller runs that is started now. */
  readonly code: Code;
}

/**
 * The running controller, if its code is another than what lies on the disk here. Read from there each time: a command
 * may follow a rollout for longer than its own code lies there.
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

/** What was started by somebody else than a command is theirs to end. */
export function outdatedController({ holder, code }: Outdated): KilnError {
  const service =
    "systemd runs it: `systemctl restart kiln`, or what its unit is called. If Kiln has moved to another folder, first write the unit anew with `kiln controller unit`.";
  const person =
    "It was started by hand: end it there, or with `kiln controller stop`, and start it again from here.";
  return new KilnError(
    "controller_outdated",
    `The controller (pid ${holder.pid}) runs ${codeWords(holder.code)}, and this is ${codeWords(code)}.`,
    { hint: `${holder.startedBy === "service" ? service : person} Servers live on meanwhile.` },
  );
}
