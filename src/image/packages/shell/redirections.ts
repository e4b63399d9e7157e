import { expandAssignment } from "./expand.ts";
import type { Redirection } from "./syntax.ts";
import type { Shell, ShellStreams } from "./world.ts";

/** Runs a command with its redirections (POSIX.1-2017, XCU section 2.7). Descriptors besides 0, 1 and 2 carry nothing. */
export function redirected(
  shell: Shell,

  redirections: readonly Redirection[],
  streams: ShellStreams,
  work: (inner: ShellStreams) => number,
): number {
  let inner = streams;
  const files: { readonly path: string; readonly text: string[] }[] = [];
  for (const { fd, operator, target } of redirections) {
    const name = expandAssignment(shell, target);
    if (operator === "<<") inner = { ...inner, input: { left: name } };
    else if (operator === "<") {
      const text = name === "/dev/null" ? "" : shell.world.read(name);
      if (text === undefined) return 1;
      inner = { ...inner, input: { left: text } };
    } else if (operator === ">&" || operator === "<&") {
      if (fd === 1 && name === "2") inner = { ...inner, out: inner.error };
      else if (fd === 2 && name === "1") inner = { ...inner, error: inner.out };
    } else if (fd === 1 || fd === 2) {
      const before = operator === ">>" ? (shell.world.read(name) ?? "") : "";
      const text = [before];
      if (!name.startsWith("/dev/")) files.push({ path: name, text });
      const put = (more: string) => void text.push(shell.limited(more));
      inner = fd === 1 ? { ...inner, out: put } : { ...inner, error: put };
    }
  }
  for (const { path, text } of files) shell.world.write(path, text.join(""));
  const status = work(inner);
  for (const { path, text } of files) shell.world.write(path, text.join(""));
  return status;
}
