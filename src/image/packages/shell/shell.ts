import { expandAssignment, expandWords, patternOf } from "./expand.ts";
import { Break, Return, ShellExit } from "./flow.ts";
import { matchesPattern } from "./glob.ts";
import { parseShell } from "./parse.ts";
import { redirected } from "./redirections.ts";
import { ScriptBounds } from "./script-bounds.ts";
import { special } from "./special-commands.ts";
import { NotUnderstood, type ShellCommand } from "./syntax.ts";
import { ShellVariables } from "./variables.ts";
import type { Shell, ShellStreams, ShellWorld } from "./world.ts";

/** An interpreter of the shell language (POSIX.1-2017, XCU chapter 2) that runs no program: commands are functions on a world. */
export class ShellInterpreter implements Shell {
  readonly world: ShellWorld;
  readonly #variables: ShellVariables;
  #functions = new Map<string, ShellCommand>();
  #status = 0;
  #stopsAtFailure = false;
  readonly #bounds = new ScriptBounds();

  constructor(world: ShellWorld, variables: ReadonlyMap<string, string>, positional: readonly string[]) {
    this.world = world;
    this.#variables = new ShellVariables(variables, positional);
  }

  /** The exit status of a script. Throws `NotUnderstood`, with the command that is not understood. */
  run(text: string): number {
    const put = (more: string) => void this.limited(more);
    try {
      return this.source(text, { input: { left: "" }, out: put, error: put });
    } catch (thrown) {
      if (thrown instanceof ShellExit) return thrown.status;
      throw thrown;
    }
  }

  /** The command that was begun last, as it is written. */
  get place(): string {
    return this.#bounds.place;
  }

  variable(name: string): string | undefined {
    return name === "?" ? String(this.#status) : this.#variables.get(name);
  }

  assign(name: string, value: string): void {
    this.#variables.set(name, this.limited(value));
  }

  unset(name: string): void {
    this.#variables.unset(name);
  }

  keepLocal(name: string): void {
    this.#variables.keepLocal(name);
  }

  get positional(): readonly string[] {
    return this.#variables.positional;
  }

  setPositional(positional: readonly string[]): void {
    this.#variables.positional = positional;
  }

  /** `set -e` and `set +e`. */
  stopAtFailure(stops: boolean): void {
    this.#stopsAtFailure = stops;
  }

  /** What a command writes, in a shell of its own. */
  outputOf(command: ShellCommand): string {
    const text: string[] = [];
    this.#status = this.#apart(() =>
      this.#execute(
        command,
        {
          input: { left: "" },
          out: (more) => text.push(this.limited(more)),
          error: (more) => void this.limited(more),
        },
        false,
      ),
    );
    return text.join("").replace(/\n+$/, "");
  }

  /** Reads commands of another file, or `eval`'s. */
  source(text: string, streams: ShellStreams): number {
    return this.#execute(parseShell(this.limited(text)), streams, false);
  }

  /** Another script, with arguments and variables of its own. */
  runScript(path: string, text: string, args: readonly string[], streams: ShellStreams): number {
    const functions = this.#functions;
    this.#functions = new Map();
    try {
      return this.#apart(() => {
        this.#variables.becomeScript(path, args);
        this.#stopsAtFailure = false;
        return this.source(text, streams);
      });
    } finally {
      this.#functions = functions;
    }
  }

  limited(text: string): string {
    return this.#bounds.text(text);
  }

  /** A failure of a condition does not end the script (`set -e`, XCU section 2.14). */
  #execute(command: ShellCommand, streams: ShellStreams, isCondition: boolean): number {
    this.#bounds.step();
    this.#status = this.#bounds.deeper(() => this.#dispatch(command, streams, isCondition));
    const counts = command.kind === "simple" || command.kind === "pipeline" || command.kind === "subshell";
    const spared = isCondition || (command.kind === "pipeline" && command.negated);
    if (counts && this.#status !== 0 && this.#stopsAtFailure && !spared) throw new ShellExit(this.#status);
    return this.#status;
  }

  #dispatch(command: ShellCommand, streams: ShellStreams, isCondition: boolean): number {
    switch (command.kind) {
      case "simple":
        return this.#simple(command, streams, isCondition);
      case "list":
        return command.commands.reduce((_, one) => this.#execute(one, streams, isCondition), 0);
      case "and":
      case "or": {
        const status = this.#execute(command.left, streams, true);
        return (status === 0) === (command.kind === "and")
          ? this.#execute(command.right, streams, isCondition)
          : status;
      }
      case "pipeline":
        return this.#pipeline(command, streams, isCondition);
      case "if": {
        const branch = command.branches.find(
          ({ condition }) => this.#execute(condition, streams, true) === 0,
        );
        const body = branch?.body ?? command.otherwise;
        return body ? this.#execute(body, streams, isCondition) : 0;
      }
      case "loop":
        return this.#loop(streams, isCondition, command.body, () => {
          return (this.#execute(command.condition, streams, true) === 0) !== command.until;
        });
      case "for": {
        const items = (command.words ? expandWords(this, command.words) : [...this.positional]).values();
        return this.#loop(streams, isCondition, command.body, () => {
          const { value, done } = items.next();
          if (!done) this.assign(command.name, value);
          return !done;
        });
      }
      case "case":
        return this.#case(command, streams, isCondition);
      case "function":
        this.#functions.set(command.name, command.body);
        return 0;
      case "subshell":
        return this.#apart(() => this.#execute(command.body, streams, isCondition));
      case "redirected":
        return redirected(this, command.redirections, streams, (inner) =>
          this.#execute(command.body, inner, isCondition),
        );
    }
  }

  #case(
    command: Extract<ShellCommand, { kind: "case" }>,
    streams: ShellStreams,
    isCondition: boolean,
  ): number {
    const value = expandAssignment(this, command.word);
    const branch = command.branches.find(({ patterns }) =>
      patterns.some((one) => matchesPattern(patternOf(this, one), value)),
    );
    return branch ? this.#execute(branch.body, streams, isCondition) : 0;
  }

  #loop(streams: ShellStreams, isCondition: boolean, body: ShellCommand, next: () => boolean): number {
    let status = 0;
    while (next()) {
      try {
        status = this.#execute(body, streams, isCondition);
      } catch (thrown) {
        if (!(thrown instanceof Break)) throw thrown;
        if (thrown.ended) break;
      }
    }
    return status;
  }

  #pipeline(
    { commands, negated }: Extract<ShellCommand, { kind: "pipeline" }>,
    streams: ShellStreams,
    isCondition: boolean,
  ): number {
    let input = streams.input;
    let status = 0;
    for (const [index, command] of commands.entries()) {
      const isLast = index === commands.length - 1;
      const text: string[] = [];
      const out = isLast ? streams.out : (more: string) => text.push(this.limited(more));
      const work = () =>
        this.#execute(command, { input, out, error: streams.error }, isCondition || !isLast || negated);
      status = commands.length === 1 ? work() : this.#apart(work);
      input = { left: text.join("") };
    }
    return negated ? Number(status === 0) : status;
  }

  /** A shell of its own, whose end is not the script's. */
  #apart(work: () => number): number {
    const stops = this.#stopsAtFailure;
    const { folder, umask } = this.world;
    try {
      return this.#variables.apart(work);
    } catch (thrown) {
      if (thrown instanceof ShellExit) return thrown.status;
      throw thrown;
    } finally {
      this.#stopsAtFailure = stops;
      this.world.folder = folder;
      this.world.umask = umask;
    }
  }

  #simple(
    command: Extract<ShellCommand, { kind: "simple" }>,
    streams: ShellStreams,
    isCondition: boolean,
  ): number {
    this.#bounds.place = command.source;
    try {
      const words = expandWords(this, command.words);
      const [name, ...args] = words;
      if (name === undefined) {
        const before = this.#status;
        this.#status = 0;
        for (const { name: variable, value } of command.assignments)
          this.assign(variable, expandAssignment(this, value));
        const status = command.assignments.length > 0 ? this.#status : before;
        return command.redirections.length > 0
          ? redirected(this, command.redirections, streams, () => status)
          : status;
      }
      const given = command.assignments.map(
        (one) => [one.name, this.limited(expandAssignment(this, one.value))] as const,
      );
      return redirected(this, command.redirections, streams, (inner) =>
        this.#variables.assigned(given, () => this.#call(name, args, inner, isCondition)),
      );
    } catch (thrown) {
      if (thrown instanceof NotUnderstood && thrown.message === "") throw new NotUnderstood(command.source);
      throw thrown;
    }
  }

  /** Runs a command by its name. */
  call(argv: readonly string[], streams: ShellStreams): number {
    const [name = "", ...args] = argv;
    return this.#call(name, args, streams, true);
  }

  #call(name: string, args: readonly string[], streams: ShellStreams, isCondition: boolean): number {
    this.#bounds.step();
    const body = this.#functions.get(name);
    if (body) return this.#callFunction(body, args, streams, isCondition);
    const changed = special(this, name, args, streams);
    if (changed !== undefined) return changed;
    const program = this.world.command(name);
    return program ? program(args, streams, this) : 127;
  }

  #callFunction(
    body: ShellCommand,
    args: readonly string[],
    streams: ShellStreams,
    isCondition: boolean,
  ): number {
    try {
      return this.#variables.ofFunction(args, () => this.#execute(body, streams, isCondition));
    } catch (thrown) {
      if (thrown instanceof Return) return thrown.status;
      throw thrown;
    }
  }

  isFunction(name: string): boolean {
    return this.#functions.has(name);
  }
}
