import type { Tone } from "../words.ts";
import { Icon } from "./icon.tsx";

/** A shape, a word and a colour for one meaning. */
export function Badge({ tone, word }: { readonly tone: Tone; readonly word: string }) {
  return (
    <span class={`badge ${tone}`}>
      <Icon name={tone} />
      {word}
    </span>
  );
}
