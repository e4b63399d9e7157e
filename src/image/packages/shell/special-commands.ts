import { Break, Return, ShellExit } from "./flow.ts";
import { NotUnderstood } from "./syntax.ts";
import type { Shell, ShellStreams } from "./world.ts";

/** Built-in commands that change the shell itself (XCU section 2.14). */
export function special(
  shell: Shell,
  name: string,
  args: readonly string[],
  streams: ShellStreams,
): number | undefined {
  switch (name) {
    case "exit":
      throw new ShellExit(Number(args[0] ?? shell.variable("?")));
    case "return":
      throw new Return(Number(args[0] ?? shell.variable("?")));
    case "break":
    case "continue":
      if (Number(args[0] ?? 1) !== 1) throw new NotUnderstood("");
      throw new Break(name === "break");
    case "set":
      return set(shell, args);
    case "shift":
      shell.setPositional(shell.positional.slice(Number(args[0] ?? 1)));
      return 0;
    case "unset":
      for (const one of args) shell.unset(one);
      return 0;
    case "local":
      for (const one of args) shell.keepLocal(one.split("=", 1)[0] ?? "");
      return special(shell, "export", args, streams);
    case "umask":
      if (!/^[0-7]{1,4}$/.test(args[0] ?? "")) throw new NotUnderstood("");
      shell.world.umask = Number.parseInt(args[0] ?? "", 8) & 0o777;
      return 0;
    case "export":
    case "readonly":
      for (const one of args) {
        const at = one.indexOf("=");
        if (at > 0) shell.assign(one.slice(0, at), one.slice(at + 1));
      }
      return 0;
    case "eval":
      return shell.source(args.join(" "), streams);
    default:
      return undefined;
  }
}

function set(shell: Shell, args: readonly string[]): number {
  for (const [index, one] of args.entries()) {
    if (one === "--") {
      shell.setPositional(args.slice(index + 1));
      return 0;
    }
    if (/^-[a-z]*e/.test(one)) shell.stopAtFailure(true);
    else if (/^\+[a-z]*e/.test(one)) shell.stopAtFailure(false);
    else if (!/^[-+][uxo]|^pipefail$/.test(one)) throw new NotUnderstood("");
  }
  return 0;
}
