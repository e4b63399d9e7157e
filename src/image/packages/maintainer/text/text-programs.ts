import { createHash } from "node:crypto";
import { posix } from "node:path";
import { compareVersions } from "../../debian-version.ts";
import { NotUnderstood } from "../../shell/syntax.ts";
import { type ShellProgram, type ShellStreams, say } from "../../shell/world.ts";
import { plainPath } from "../file-programs.ts";
import type { ImageFiles } from "../image-files.ts";
import { optionsOf } from "../options.ts";
import { awk } from "./awk.ts";
import { regularExpression } from "./patterns.ts";
import { sed } from "./sed.ts";
import { echoed, formatted, setOf } from "./words.ts";

/** cat(1), cut(1), grep(1), sed(1) and their like. */
export function textPrograms(files: ImageFiles): Readonly<Record<string, ShellProgram>> {
  /** The named files' text, or what is left of the input; undefined when one is missing. */
  const textOf = (paths: readonly string[], { input }: ShellStreams): string | undefined => {
    if (paths.length === 0 || (paths.length === 1 && paths[0] === "-")) {
      const { left } = input;
      input.left = "";
      return left;
    }
    const texts = paths.map((path) => (path === "/dev/null" ? "" : files.read(plainPath(path))));
    return texts.every((text) => text !== undefined) ? texts.join("") : undefined;
  };
  const filter =
    (
      flags: string,
      values: string,
      work: (text: string, options: ReturnType<typeof optionsOf>) => string,
    ): ShellProgram =>
    (args, streams) => {
      const options = optionsOf(args, flags, values);
      const text = textOf(options.rest, streams);
      if (text === undefined) return 1;
      streams.out(work(text, options));
      return 0;
    };
  const grep =
    (kind: "basic" | "extended"): ShellProgram =>
    (args, streams) => {
      const { flags, values, rest } = optionsOf(
        args,
        "q s v i E F x o w P c h l n quiet silent no-messages invert-match line-regexp fixed-strings extended-regexp ignore-case",
        "e m regexp max-count",
      );
      const has = (short: string, long: string) => flags.has(short) || flags.has(long);
      const given = values.get("e") ?? values.get("regexp");
      const [pattern = "", ...paths] = given === undefined ? rest : [given, ...rest];
      if (["c", "l", "n"].some((one) => flags.has(one))) throw new NotUnderstood("");
      const plain = has("F", "fixed-strings") ? pattern.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&") : pattern;
      const plainly = regularExpression(
        has("x", "line-regexp") ? `^${plain}$` : plain,
        has("F", "fixed-strings") || has("E", "extended-regexp") ? "extended" : kind,
        has("i", "ignore-case") ? "i" : "",
      );
      const expression = flags.has("w")
        ? new RegExp(`(?<!\\w)(?:${plainly.source})(?!\\w)`, plainly.flags)
        : plainly;
      const text = textOf(paths, streams);
      if (text === undefined) return 2;
      const lines = linesOf(text).filter((line) => expression.test(line) !== has("v", "invert-match"));
      if (!(flags.has("q") || flags.has("quiet") || flags.has("silent")))
        for (const line of lines.slice(0, Number(values.get("m") ?? lines.length)))
          streams.out(`${flags.has("o") ? (expression.exec(line)?.[0] ?? "") : line}\n`);
      return lines.length > 0 ? 0 : 1;
    };
  const sedProgram: ShellProgram = (given, streams) => {
    const scripts: string[] = [];
    const others: string[] = [];
    // `-nes/a/b/` is `-n -e s/a/b/`
    const args = given.flatMap((one) => {
      const [, flags = "", script] = /^-([nrEi]*)e(.*)$/s.exec(one) ?? [];
      if (script === undefined) return [one];
      return [...(flags ? [`-${flags}`] : []), "-e", ...(script ? [script] : [])];
    });
    for (let at = 0; at < args.length; at++) {
      if (args[at] === "-e" || args[at] === "--expression") scripts.push(args[++at] ?? "");
      else others.push(args[at] ?? "");
    }
    const { flags, rest } = optionsOf(others, "n r E i in-place quiet silent regexp-extended");
    if (scripts.length === 0) scripts.push(rest.at(0) ?? "");
    const paths =
      others.length > 0 && args.some((one) => one === "-e" || one === "--expression") ? rest : rest.slice(1);
    const kind = flags.has("r") || flags.has("E") || flags.has("regexp-extended") ? "extended" : "basic";
    const change = (text: string) =>
      sed(text, scripts.join("\n"), kind, flags.has("n") || flags.has("quiet") || flags.has("silent"));
    if (!flags.has("i") && !flags.has("in-place")) {
      const text = textOf(paths, streams);
      if (text === undefined) return 2;
      streams.out(change(text));
      return 0;
    }
    for (const path of paths.map(plainPath)) {
      const text = files.read(path);
      if (text === undefined) return 2;
      files.write(path, change(text));
    }
    return 0;
  };
  const cut = filter("s", "d f c b delimiter fields characters bytes", (text, { flags, values }) => {
    const delimiter = values.get("d") ?? values.get("delimiter") ?? "\t";
    const columns = ["c", "b", "characters", "bytes"].map((name) => values.get(name)).find(Boolean);
    const wanted = (columns ?? values.get("f") ?? values.get("fields") ?? fail())
      .split(",")
      .map((one) => /^(\d*)(-?)(\d*)$/.exec(one) ?? fail());
    const pick = <T extends string | string[]>(all: T) =>
      wanted.map(([, from, dash, to]) =>
        all.slice(Math.max(0, Number(from) - 1), dash ? Number(to) || undefined : Number(from)),
      );
    const lines = linesOf(text).filter((line) => !flags.has("s") || line.includes(delimiter));
    return joined(
      lines.map((line) => {
        if (columns !== undefined) return pick(line).join("");
        return line.includes(delimiter) ? pick(line.split(delimiter)).flat().join(delimiter) : line;
      }),
    );
  });
  const tr: ShellProgram = (args, { input, out }) => {
    const { flags, rest } = optionsOf(args, "d s c");
    const text = input.left;
    input.left = "";
    const [from = "", to = ""] = rest.map(setOf);
    if (flags.has("s") || flags.has("c") || (!flags.has("d") && to === "")) throw new NotUnderstood("");
    out(
      [...text]
        .map((one) =>
          from.includes(one) ? (flags.has("d") ? "" : (to[from.indexOf(one)] ?? to.at(-1) ?? "")) : one,
        )
        .join(""),
    );
    return 0;
  };
  const awkProgram: ShellProgram = (args, streams) => {
    const { values, rest } = optionsOf(args, "", "F v");
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(values.get("v") ?? "") ?? [];
    if (values.has("v") && (name === undefined || args.filter((one) => /^-v/.test(one)).length > 1)) fail();
    const text = textOf(rest.slice(1), streams);
    if (text === undefined) return 2;
    const separator = values.get("F");
    const variables = new Map([
      ...(separator === undefined ? [] : [["FS", separator === "t" ? "\t" : separator] as const]),
      ...(name === undefined ? [] : [[name, value ?? ""] as const]),
    ]);
    const { output, status } = awk(text, rest[0] ?? fail(), variables);
    streams.out(output);
    return status;
  };
  const md5sum: ShellProgram = (args, streams) => {
    const text = textOf(args, streams);
    if (text === undefined) return 1;
    const digest = createHash("md5").update(Buffer.from(text, "latin1")).digest("hex");
    return say(streams.out, `${digest}  ${args[0] ?? "-"}\n`);
  };
  const countOf = (given = "10") => (/^\d+$/.test(given) ? Number(given) : fail());
  /** `-1` is `-n 1`. */
  const counted =
    (program: ShellProgram): ShellProgram =>
    (args, ...rest) =>
      program(
        args.flatMap((one) => (/^-\d+$/.test(one) ? ["-n", one.slice(1)] : [one])),
        ...rest,
      );
  const head = counted(
    filter("", "n", (text, { values }) => joined(linesOf(text).slice(0, countOf(values.get("n"))))),
  );
  const tail = counted(
    filter("", "n", (text, { values }) => {
      const given = values.get("n");
      const lines = linesOf(text);
      if (given?.startsWith("+")) return joined(lines.slice(Math.max(0, countOf(given.slice(1)) - 1)));
      return joined(lines.slice(Math.max(0, lines.length - countOf(given))));
    }),
  );
  const sort = filter("u r V n g", "", (text, { flags }) => {
    const lines = flags.has("u") ? [...new Set(linesOf(text))].sort() : linesOf(text).toSorted();
    if (flags.has("n") || flags.has("g")) lines.sort((a, b) => leadingNumber(a) - leadingNumber(b));
    if (flags.has("V")) lines.sort(compareVersions);
    return joined(flags.has("r") ? lines.reverse() : lines);
  });
  const uniq = filter("", "", (text) =>
    joined(linesOf(text).filter((line, index, all) => line !== all[index - 1])),
  );
  const wc = filter("l", "", (text) => `${linesOf(text).length}\n`);
  const cat = filter("", "", (text) => text);
  const tee: ShellProgram = (args, { input, out }) => {
    const { flags, rest } = optionsOf(args, "a");
    for (const path of rest.map(plainPath))
      files.write(path, `${flags.has("a") ? (files.read(path) ?? "") : ""}${input.left}`);
    out(input.left);
    return 0;
  };
  const cmp: ShellProgram = (args) => {
    const { rest } = optionsOf(args, "s q quiet silent");
    const [a, b] = rest.map((path) => files.read(plainPath(path)));
    return a === undefined || b === undefined ? 2 : Number(a !== b);
  };
  const xargs: ShellProgram = (args, streams, shell) => {
    const { flags, values, rest } = optionsOf(args, "+ r 0 no-run-if-empty null", "n max-args I");
    const argv = rest.length > 0 ? rest : ["echo"];
    const { left } = streams.input;
    streams.input.left = "";
    const isNull = flags.has("0") || flags.has("null");
    const placed = values.get("I");
    const words = left.split(isNull ? "\0" : placed === undefined ? /\s+/ : "\n").filter(Boolean);
    if (!isNull && /['"\\]/.test(left)) fail();
    const isRun =
      words.length > 0 || (placed === undefined && !flags.has("r") && !flags.has("no-run-if-empty"));
    if (!isRun) return 0;
    const size = placed === undefined ? countOf(values.get("n") ?? values.get("max-args") ?? "999999") : 1;
    const calls = Array.from({ length: Math.max(1, Math.ceil(words.length / size)) }, (_, at) =>
      words.slice(at * size, (at + 1) * size),
    );
    const statuses = calls.map((some) =>
      shell.call(
        placed === undefined
          ? [...argv, ...some]
          : argv.map((word) => word.replaceAll(placed, some[0] ?? "")),
        streams,
      ),
    );
    return statuses.some((status) => status !== 0) ? 123 : 0;
  };
  return {
    ...{
      awk: awkProgram,
      gawk: awkProgram,
      mawk: awkProgram,
      md5sum,
      cat,
      cmp,
      cut,
      diff: cmp,
      head,
      sort,
      tail,
      tee,
      tr,
      uniq,
      wc,
      xargs,
      sed: sedProgram,
    },
    ...{
      grep: grep("basic"),
      egrep: grep("extended"),
      fgrep: (args, ...rest) => grep("basic")(["-F", ...args], ...rest),
    },
    basename: ([path = "", suffix = ""], { out }) => say(out, `${posix.basename(path, suffix)}\n`),
    dirname: ([path = ""], { out }) => say(out, `${posix.dirname(path)}\n`),
    echo: (args, { out }) => say(out, echoed(args)),
    printf: ([format = "", ...args], { out }) => say(out, formatted(format, args)),
    seq: ([from = "1", to], { out }) => {
      const [begin, end] = to === undefined ? [1, Number(from)] : [Number(from), Number(to)];
      for (let one = begin; one <= end; one++) out(`${one}\n`);
      return 0;
    },
    expr: ([a = "", operator, b = ""], { out }) => {
      if (!/^-?\d+$/.test(a) || !/^-?\d+$/.test(b) || !/^[-+]$/.test(operator ?? "")) return fail();
      const value = operator === "+" ? Number(a) + Number(b) : Number(a) - Number(b);
      out(`${value}\n`);
      return Number(value === 0);
    },
    read: (args, { input }, shell) => {
      const { rest } = optionsOf(args, "r");
      if (input.left === "") return 1;
      const line = input.left.split("\n", 1)[0] ?? "";
      input.left = input.left.slice(line.length + 1);
      const separator = shell.variable("IFS") ?? " ";
      const fields = separator.trim() === "" ? line.trim().split(/\s+/) : line.split(separator[0] ?? " ");
      for (const [index, name] of rest.entries()) {
        const isLast = index === rest.length - 1;
        shell.assign(name, isLast ? fields.slice(index).join(separator[0] ?? " ") : (fields[index] ?? ""));
      }
      return 0;
    },
  };
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function leadingNumber(line: string): number {
  return Number(/^\s*-?\d+(\.\d+)?/.exec(line)?.[0] ?? 0);
}

function fail(): never {
  throw new NotUnderstood("");
}
