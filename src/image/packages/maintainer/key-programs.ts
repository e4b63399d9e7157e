import type { ShellProgram } from "../shell/world.ts";

/** What each program would make at random, by its arguments: all servers of an image would share it. */
const makers: Readonly<Record<string, (args: readonly string[]) => readonly string[]>> = {
  "make-ssl-cert": () => ["/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"],
  "nsd-control-setup": () => ["/etc/nsd/nsd_control.key", "/etc/nsd/nsd_server.key"],
  "rndc-confgen": () => ["/etc/bind/rndc.key"],
  "ssh-keygen": (args) => {
    const path = args[args.indexOf("-f") + 1] ?? "";
    return args.includes("-l") || !args.includes("-f") ? [] : [path, `${path}.pub`];
  },
  "unbound-control-setup": () => ["/etc/unbound/unbound_control.key", "/etc/unbound/unbound_server.key"],
};

/** Programs that make keys: they make none, and what is missing then is added to `generated`. */
export function keyPrograms(generated: Set<string>): Readonly<Record<string, ShellProgram>> {
  const programs = Object.entries(makers).map(([name, made]): [string, ShellProgram] => {
    const leaveOut: ShellProgram = (args) => {
      for (const path of made(args)) generated.add(path);
      return 0;
    };
    return [name, leaveOut];
  });
  return Object.fromEntries(programs);
}
