import { NotUnderstood } from "../../shell/syntax.ts";

const classes: Readonly<Record<string, string>> = {
  alnum: "A-Za-z0-9",
  alpha: "A-Za-z",
  blank: " \\t",
  digit: "0-9",
  lower: "a-z",
  space: "\\s",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
};

/** A basic or extended regular expression (POSIX.1-2017, XBD chapter 9) of a script as one of JavaScript. */
export function regularExpression(text: string, kind: "basic" | "extended", flags = ""): RegExp {
  const signs = "(){}|+?";
  let source = "";
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? "";
    if (sign === "[") {
      const set = /^\[(\^?)(\]?(?:\[:\w+:\]|[^\]])*)\]/.exec(text.slice(at)) ?? fail();
      source += `[${set[1]}${bracket(set[2] ?? "")}]`;
      at += set[0].length - 1;
    } else if (sign === "\\") {
      const next = text[++at] ?? fail();
      if (kind === "basic" && signs.includes(next)) source += next;
      else if (/[0-9wWsSb<>]/.test(next)) source += /[<>]/.test(next) ? "\\b" : `\\${next}`;
      else source += /\w/.test(next) ? `\\${next}` : next.replace(/[^\w]/g, "\\$&");
    } else if (kind === "basic" && signs.includes(sign)) source += `\\${sign}`;
    else if (sign === "*" && source === "") source += "\\*";
    else source += sign === "/" ? "\\/" : sign;
  }
  try {
    return new RegExp(source, flags);
  } catch {
    return fail();
  }
}

function bracket(set: string): string {
  return set
    .replace(/\\/g, "\\\\")
    .replace(/^\]/, "\\]")
    .replace(
      /\[:(\w+):\]/g,
      (_, name: string) => (Object.hasOwn(classes, name) ? classes[name] : undefined) ?? fail(),
    )
    .replace(/\[/g, "\\[");
}

function fail(): never {
  throw new NotUnderstood("");
}
