import { NotUnderstood } from "../shell/syntax.ts";

/** A mode as chmod(1) changes it: octal, or clauses such as `u+s,go-w`; the umask is 022. */
export function changedMode(text: string, before: number, isFolder: boolean): number {
  if (/^0?[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  return text.split(",").reduce((mode, clause) => changedBy(clause, mode, isFolder), before);
}

const shifts = { u: 6, g: 3, o: 0 };

function changedBy(clause: string, before: number, isFolder: boolean): number {
  const [, who = "", operator, what = ""] = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(clause) ?? [];
  if (operator === undefined) throw new NotUnderstood("");
  const places = who === "" || who.includes("a") ? "ugo" : who;
  let bits = 0;
  for (const place of places as Iterable<keyof typeof shifts>) {
    let some = 0;
    if (what.includes("r")) some |= 4;
    if (what.includes("w")) some |= 2;
    if (what.includes("x") || (what.includes("X") && (isFolder || (before & 0o111) !== 0))) some |= 1;
    bits |= some << shifts[place];
    if (what.includes("s") && place !== "o") bits |= place === "u" ? 0o4000 : 0o2000;
  }
  if (what.includes("t")) bits |= 0o1000;
  if (who === "") bits &= ~0o022;
  if (operator === "+") return before | bits;
  if (operator === "-") return before & ~bits;
  const cleared = [...(places as Iterable<keyof typeof shifts>)].reduce(
    (mode, place) => mode & ~(7 << shifts[place]),
    before,
  );
  return cleared | bits;
}
