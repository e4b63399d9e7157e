import type { Admission } from "../../domain/admission.ts";
import type { Style } from "../output/style.ts";
import { plainText } from "../output/text.ts";

/** One line for each policy: what it says of the image. */
export function admissionLines(admission: Admission | undefined, style: Style): string[] {
  return (admission?.rules ?? []).map(({ target, passed, because }) => {
    const words = plainText(`${because}${target === undefined ? "" : `, as ${target} asks`}`);
    return passed ? style.good(words) : style.warn(`warning: ${words}`);
  });
}

/** The lines of those that are not met, but only warn. */
export function admissionWarnings(admission: Admission | undefined, style: Style): string[] {
  const rules = (admission?.rules ?? []).filter(({ passed }) => !passed);
  return admission === undefined ? [] : admissionLines({ ...admission, rules }, style);
}
