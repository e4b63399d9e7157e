import type { ServerId } from "../../../domain/ids.ts";
import type { Mend, Part } from "./part.ts";
import type { NetworkState } from "./state.ts";

/** A part of the network that is not as it should be. */
export interface Broken {
  /** One sentence. */
  readonly words: string;
  /** What puts it right; undefined when nothing that Kiln may do does. */
  readonly mend: Mend | undefined;
  /** What to do about it, for people. */
  readonly remedy: string | undefined;
  /** Servers that nothing reaches any longer. */
  readonly server: ServerId | undefined;
  /** Only a consequence of another one: not worth a word. */
  readonly isImplied: boolean;
  /** No server can be made while it is so. */
  readonly isFatal: boolean;
}

/** Every part that does not hold, in the order of the description, which is the order in which they are mended. Pure. */
export function compareNetwork(parts: readonly Part[], state: NetworkState): readonly Broken[] {
  return parts
    .filter((part) => !part.holds(state))
    .map((part) => ({
      words: part.server === undefined ? sentence(part.broken(state)) : part.broken(state),
      mend: part.mend?.(state),
      remedy: part.remedy,
      server: part.server,
      isImplied: part.implied?.(state) === true,
      isFatal: part.optional !== true && part.server === undefined,
    }));
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
