import { posix } from "node:path";
import { NotUnderstood } from "../shell/syntax.ts";
import type { ScriptAccounts } from "./accounts.ts";
import type { ImageFiles } from "./image-files.ts";
import { regularExpression } from "./text/patterns.ts";

type Test = (path: string, depth: number) => boolean;

/** find(1) with the tests and actions that scripts use most. */
export function findFiles(
  files: ImageFiles,
  accounts: ScriptAccounts,
  given: readonly string[],
  out: (text: string) => void,
  call: (argv: readonly string[]) => boolean,
): number {
  const args = given.slice(given.findIndex((one) => !/^-[HLP]$/.test(one)));
  const first = args.findIndex((one) => /^[-!(]/.test(one));
  const starts = args.slice(0, first < 0 ? undefined : first);
  const expression = new Expression(first < 0 ? [] : args.slice(first), files, accounts, out, call);
  const test = expression.test();
  for (const start of starts) {
    for (const path of files.below(start)) {
      const shown = posix.join(start, path.slice(`/${files.at(start, true)?.path}`.length));
      const depth = shown === start ? 0 : shown.slice(start.length).split("/").filter(Boolean).length;
      if (depth <= expression.most && depth >= expression.least && test(shown, depth) && !expression.acts)
        out(`${shown}\n`);
    }
  }
  return starts.every((start) => files.at(start, true)) ? 0 : 1;
}

class Expression {
  most = Number.POSITIVE_INFINITY;
  least = 0;
  /** Whether something besides printing at the end is done. */
  acts = false;
  readonly #left: string[];
  readonly #files: ImageFiles;
  readonly #accounts: ScriptAccounts;
  readonly #out: (text: string) => void;
  readonly #call: (argv: readonly string[]) => boolean;

  constructor(
    args: readonly string[],
    files: ImageFiles,
    accounts: ScriptAccounts,
    out: (text: string) => void,
    call: (argv: readonly string[]) => boolean,
  ) {
    this.#left = [...args];
    this.#files = files;
    this.#accounts = accounts;
    this.#out = out;
    this.#call = call;
  }

  test(): Test {
    const test = this.#or();
    if (this.#left.length > 0) fail();
    return test;
  }

  #or(): Test {
    const left = this.#and();
    if (!/^-or?$/.test(this.#left[0] ?? "")) return left;
    this.#left.shift();
    const right = this.#or();
    return (...given) => left(...given) || right(...given);
  }

  #and(): Test {
    const tests: Test[] = [];
    while (this.#left.length > 0 && !/^(\)|-or?)$/.test(this.#left[0] ?? "")) {
      if (/^-a(nd)?$/.test(this.#left[0] ?? "")) this.#left.shift();
      tests.push(this.#one());
    }
    return (...given) => tests.every((test) => test(...given));
  }

  #one(): Test {
    const name = this.#next();
    if (name === "!" || name === "-not") {
      const inner = this.#one();
      return (...given) => !inner(...given);
    }
    if (name === "(") {
      const inner = this.#or();
      if (this.#next() !== ")") fail();
      return inner;
    }
    return this.#primary(name);
  }

  #primary(name: string): Test {
    const files = this.#files;
    switch (name) {
      case "-type": {
        const type = { f: "file", d: "folder", l: "symlink" }[this.#next()] ?? fail();
        return (path) => files.at(path, true)?.type === type;
      }
      case "-maxdepth":
        this.most = Number(this.#next());
        return () => true;
      case "-mindepth":
        this.least = Number(this.#next());
        return () => true;
      case "-name": {
        const pattern = this.#next();
        if (/[[\\]/.test(pattern)) fail();
        const source = pattern
          .replace(/[.+^${}()|]/g, "\\$&")
          .replace(/\*/g, ".*")
          .replace(/\?/g, ".");
        const expression = new RegExp(`^${source}$`);
        return (path) => expression.test(posix.basename(path));
      }
      case "-print":
      case "-print0":
        this.acts = true;
        return (path) => {
          this.#out(`${path}${name === "-print" ? "\n" : "\0"}`);
          return true;
        };
      case "-user":
      case "-uid":
      case "-group":
      case "-gid":
        return this.#owned(/^-u/.test(name) ? "user" : "group", this.#next());
      // links that lead to folders are not followed here: packages have none whose content a script looks for
      case "-follow":
        return () => true;
      case "-printf": {
        const format = this.#next();
        if (!/^%[fp]\\n$/.test(format)) fail();
        this.acts = true;
        return (path) => {
          this.#out(`${format.startsWith("%f") ? posix.basename(path) : path}\n`);
          return true;
        };
      }
      case "-regex": {
        const expression = regularExpression(this.#next(), "basic");
        return (path) => expression.exec(path)?.[0] === path;
      }
      case "-delete":
        this.acts = true;
        return (path) => {
          files.remove(path);
          return true;
        };
      case "-exec":
        return this.#exec();
      default:
        return fail();
    }
  }

  #owned(kind: "user" | "group", name: string): Test {
    const wanted = this.#accounts.numberOf(kind, name);
    return (path) => {
      const entry = this.#files.at(path, true);
      return (
        entry !== undefined && this.#accounts.numberOf(kind, this.#files.ownerOf(entry)[kind]) === wanted
      );
    };
  }

  #exec(): Test {
    const end = this.#left.findIndex((word) => word === ";" || word === "+");
    if (end < 0) fail();
    const argv = this.#left.splice(0, end);
    this.#left.shift();
    this.acts = true;
    return (path) => this.#call(argv.map((word) => (word === "{}" ? path : word)));
  }

  #next(): string {
    return this.#left.shift() ?? fail();
  }
}

function fail(): never {
  throw new NotUnderstood("");
}
