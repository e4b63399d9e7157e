import { type Context, createContext, Script } from "node:vm";
import { KilnError } from "../../../lib/errors.ts";
import { NotUnderstood } from "../shell/syntax.ts";

/** A script of Debian takes milliseconds, and seconds on a machine that has a hundred times as much to do as it can. */
const longestMs = 60_000;

/** The scripts of one image have used up what they may: no other script is read after it. */
export class UsedUp extends NotUnderstood {}

const call = new Script("work()");
/** One for all: to make a context takes longer than most scripts. */
const slot: { work: () => void } = { work: () => {} };
let context: Context | undefined;

/**
 * The result of work that a script of a package asks for. The script's regular expressions and texts may be made to take years, and only V8
 * can end a match that has begun, through the time limit of `node:vm`. `place` is where the work is then. Throws `UsedUp`,
 * `NotUnderstood` when the stack or the longest text of V8 does not suffice, and `cancelled` on Ctrl-C.
 */
export function inTime<T>(work: () => T, place: () => string, timeoutMs = longestMs): T {
  const done: T[] = [];
  try {
    slot.work = () => void done.push(work());
    context ??= createContext(slot);
    call.runInContext(context, { timeout: timeoutMs, breakOnSigint: true });
  } catch (thrown) {
    if (hasCode(thrown, "ERR_SCRIPT_EXECUTION_INTERRUPTED"))
      throw new KilnError("cancelled", "The build was stopped.", { retry: true });
    if (hasCode(thrown, "ERR_SCRIPT_EXECUTION_TIMEOUT"))
      throw new UsedUp(`a script that takes longer than ${timeoutMs / 1000} s, at: ${place()}`);
    if (thrown instanceof RangeError)
      throw new NotUnderstood(`a script that is too large or too deep, at: ${place()}`);
    throw thrown;
  }
  return done[0] as T;
}

/** It is an error of the context, and so no `Error` of this one. */
function hasCode(thrown: unknown, code: string): boolean {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && thrown.code === code;
}
