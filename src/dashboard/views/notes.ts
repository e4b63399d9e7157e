import type { Answer } from "../../api/contract/types.ts";
import { type FollowedSource, sourceTrouble } from "../../domain/source.ts";

type Status = Pick<Answer<"status">, "target" | "trouble" | "warnings">;

/** What the view of a service warns of at its top: all but what the panel of its branch says already. */
export function notesOf({ target, trouble, warnings }: Status, source: FollowedSource | undefined) {
  const said = source && sourceTrouble(source)?.message;
  const troubles = [target.trouble, trouble].flatMap((found) => (found === undefined ? [] : [found]));
  return [...troubles, ...warnings.filter(({ message }) => message !== said)];
}
