import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import { optionsOf } from "./options.ts";

type Made = (args: readonly string[]) => readonly string[];

const database: Made = (args) => {
  const given = args.find((one) => one.startsWith("--datadir="));
  return [given?.slice("--datadir=".length) ?? "/var/lib/mysql"];
};

/** What each program would make at random, by its arguments: all servers of an image would share it. */
const makers: Readonly<Record<string, Made>> = {
  "make-ssl-cert": () => ["/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"],
  "mariadb-install-db": database,
  mysql_install_db: database,
  "nsd-control-setup": () => ["/etc/nsd/nsd_control.key", "/etc/nsd/nsd_server.key"],
  pg_createcluster: (args) => {
    const [version, name] = optionsOf(args, "no-status start", "u g d l p user group datadir").rest;
    if (!version || !name) throw new NotUnderstood("");
    return [`/etc/postgresql/${version}/${name}`, `/var/lib/postgresql/${version}/${name}`];
  },
  "rndc-confgen": () => ["/etc/bind/rndc.key"],
  "ssh-keygen": (args) => {
    const path = args[args.indexOf("-f") + 1] ?? "";
    return args.includes("-l") || !args.includes("-f") ? [] : [path, `${path}.pub`];
  },
  "unbound-control-setup": () => ["/etc/unbound/unbound_control.key", "/etc/unbound/unbound_server.key"],
};

/** Programs that make keys and databases: they make none, and what is missing then is added to `generated`. */
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
