import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import { plainPath } from "./file-programs.ts";
import type { ImageFiles } from "./image-files.ts";

/** test(1). `assumed`: files of a full system that count as there, since what they do is done otherwise. */
export function testProgram(files: ImageFiles, assumed: (path: string) => boolean): ShellProgram {
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

function compare(a: string, operator: string, b: string): boolean {
  if (operator === "=" || operator === "==") return a === b;
  if (operator === "!=") return a !== b;
  const [x, y] = [a, b].map((text) => (/^\s*-?\d+\s*$/.test(text) ? Number(text) : undefined));
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
