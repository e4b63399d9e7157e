import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import { plainPath } from "./file-programs.ts";
import type { ImageFiles } from "./image-files.ts";

/**
 * test(1). `assumed`: files of a full system that count as there, since what they do is done otherwise; `isOwn`: whether the user, or its group,
 * is this one.
 */
export function testProgram(
  files: ImageFiles,
  assumed: (path: string) => boolean,
  isOwn: (kind: "user" | "group", name: string) => boolean,
): ShellProgram {
  const unary = (operator: string, value: string): boolean => {
    if (operator === "-z") return value === "";
    if (operator === "-n") return value !== "";
    if (operator === "-t") return false;
    if (value === "") return false;
    if (value.startsWith("/dev/")) return value === "/dev/null" && operator !== "-d";
    if (/^\/(proc|sys|run\/systemd)(\/|$)/.test(value)) return false;
    const path = plainPath(value);
    const entry = files.at(path, operator === "-L" || operator === "-h");
    if (!entry) return assumed(path) && /^-[efxrs]$/.test(operator);
    switch (operator) {
      case "-e":
      case "-r":
      case "-w":
        return true;
      case "-f":
        return entry.type === "file";
      case "-d":
        return entry.type === "folder";
      case "-x":
        return entry.type === "folder" || (entry.mode & 0o111) !== 0;
      case "-s":
        return entry.type === "folder" || (files.read(path) ?? "") !== "";
      case "-L":
      case "-h":
        return entry.type === "symlink";
      case "-O":
        return isOwn("user", files.ownerOf(entry).user);
      case "-G":
        return isOwn("group", files.ownerOf(entry).group);
      case "-u":
      case "-g":
      case "-k":
        return (entry.mode & { "-u": 0o4000, "-g": 0o2000, "-k": 0o1000 }[operator]) !== 0;
      case "-c":
      case "-b":
      case "-p":
      case "-S":
        return false;
      default:
        throw new NotUnderstood("");
    }
  };
  return (args) => Number(!new Expression(args, unary).value());
}

class Expression {
  readonly #left: string[];
  readonly #unary: (operator: string, value: string) => boolean;

  constructor(args: readonly string[], unary: (operator: string, value: string) => boolean) {
    this.#left = [...args];
    this.#unary = unary;
  }

  value(): boolean {
    if (this.#left.length === 0) return false;
    const value = this.#or();
    if (this.#left.length > 0) throw new NotUnderstood("");
    return value;
  }

  #or(): boolean {
    let value = this.#and();
    while (this.#left[0] === "-o") {
      this.#left.shift();
      value = this.#and() || value;
    }
    return value;
  }

  #and(): boolean {
    let value = this.#not();
    while (this.#left[0] === "-a") {
      this.#left.shift();
      value = this.#not() && value;
    }
    return value;
  }

  #not(): boolean {
    if (this.#left[0] === "!" && this.#left.length > 1) {
      this.#left.shift();
      return !this.#not();
    }
    const [one = "", operator = "", other] = this.#left;
    if (other !== undefined && /^(=|==|!=|-(eq|ne|lt|le|gt|ge|nt|ot))$/.test(operator)) {
      this.#left.splice(0, 3);
      return compare(one, operator, other);
    }
    if (one === "(") {
      this.#left.shift();
      const value = this.#or();
      if (this.#left.shift() !== ")") throw new NotUnderstood("");
      return value;
    }
    if (/^-[a-zA-Z]$/.test(one) && this.#left.length > 1) {
      this.#left.splice(0, 2);
      return this.#unary(one, operator);
    }
    this.#left.shift();
    return one !== "";
  }
}

/** Those that users.ts gives (Debian Policy section 9.2.2). */
const systemNumbers = { from: 100, to: 999 } as const;

function compare(a: string, operator: string, b: string): boolean {
  if (operator === "=" || operator === "==") return a === b;
  if (operator === "!=") return a !== b;
  const [x, y] = [numberOf(a, b), numberOf(b, a)];
  if (x === undefined || y === undefined) throw new NotUnderstood("");
  switch (operator) {
    case "-eq":
      return x === y;
    case "-ne":
      return x !== y;
    case "-lt":
      return x < y;
    case "-le":
      return x <= y;
    case "-gt":
      return x > y;
    case "-ge":
      return x >= y;
    default:
      throw new NotUnderstood("");
  }
}

/** A system user's number that is not given yet is compared as any of them: undefined where it depends on which. */
function numberOf(text: string, other: string): number | undefined {
  if (/^\s*-?\d+\s*$/.test(text)) return Number(text);
  const isApart =
    /^\d+$/.test(other) && (Number(other) < systemNumbers.from || Number(other) > systemNumbers.to);
  return /^[ug]id-of-/.test(text) && isApart ? systemNumbers.from : undefined;
}
