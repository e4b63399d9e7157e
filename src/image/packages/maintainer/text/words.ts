import { NotUnderstood } from "../../shell/syntax.ts";

/** dash's echo understands escapes; only newline and tab are met in scripts. */
export function echoed(args: readonly string[]): string {
  const [option, ...rest] = args;
  const words = option === "-n" || option === "-e" ? rest : args;
  const text = words.join(" ").replace(/\\([nt])/g, (_, one) => (one === "n" ? "\n" : "\t"));
  return option === "-n" ? text : `${text}\n`;
}

export function formatted(format: string, args: readonly string[]): string {
  const left = [...args];
  const once = () =>
    format.replace(
      /%([sdb%])|%.|\\([nt\\"]|[0-7]{1,3})|\\./g,
      (_, conversion: string | undefined, escaped: string | undefined) => {
        if (conversion === "%") return "%";
        if (conversion !== undefined) return left.shift() ?? "";
        if (/^[0-7]/.test(escaped ?? ""))
          return String.fromCharCode(Number.parseInt(escaped ?? "", 8) & 0xff);
        if (escaped !== undefined) return { n: "\n", t: "\t" }[escaped] ?? escaped;
        return fail();
      },
    );
  let text = once();
  while (left.length > 0 && /%[sdb]/.test(format)) text += once();
  return text;
}

/** The characters of a set of tr(1). */
export function setOf(text: string): string {
  const named = text
    .replace("[:upper:]", "A-Z")
    .replace("[:lower:]", "a-z")
    .replace(/\\n/g, "\n")
    .replace(/\\t/g, "\t")
    .replace(/\\0/g, "\0");
  if (named.includes("[:")) throw new NotUnderstood("");
  return named.replace(/(.)-(.)/gs, (_, from: string, to: string) => {
    const [begin, end] = [from.charCodeAt(0), to.charCodeAt(0)];
    return String.fromCharCode(
      ...Array.from({ length: Math.max(0, end - begin + 1) }, (__, at) => begin + at),
    );
  });
}

function fail(): never {
  throw new NotUnderstood("");
}
