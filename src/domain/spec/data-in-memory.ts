import type { ServerShape } from "./server-shape.ts";

/** Where Debian's packages of these programs, and images in their manner, have their data. */
const homes: readonly { readonly program: string; readonly folders: readonly string[] }[] = [
  { program: "PostgreSQL", folders: ["/var/lib/postgresql", "/var/lib/postgres"] },
  { program: "MariaDB or MySQL", folders: ["/var/lib/mysql", "/var/lib/mariadb"] },
  { program: "Redis", folders: ["/var/lib/redis", "/var/lib/valkey"] },
  { program: "MongoDB", folders: ["/var/lib/mongodb"] },
  { program: "etcd", folders: ["/var/lib/etcd"] },
  { program: "RabbitMQ", folders: ["/var/lib/rabbitmq"] },
];

/** A file of SQLite, alone or at the end of a URL such as `sqlite:///srv/app.db`. */
const sqliteFile = /^(?:sqlite3?:(?:\/\/)?|file:(?:\/\/)?)?(\/[^?*]*\.(?:db|db3|sqlite|sqlite3))(?:\?.*)?$/;

/**
 * Writable folders of a server that seem to hold data which has to stay, although they are in memory and end with the
 * server: one sentence each.
 */
export function dataInMemory({ writable, env }: Pick<ServerShape, "writable" | "env">): readonly string[] {
  return writable.flatMap((folder) => {
    const home = homes.find(({ folders }) =>
      folders.some((path) => isIn(folder, path) || holds(folder, path)),
    );
    if (home !== undefined) return [words(folder, `the data of ${home.program}`)];
    const file = Object.entries(env).find(([, value]) => isIn(sqliteFile.exec(value)?.[1] ?? "", folder));
    return file === undefined ? [] : [words(folder, `the database that ${file[0]} names`)];
  });
}

function words(folder: string, what: string): string {
  return `warning: ${folder} is in memory, so ${what} ends with each server; name it in \`servers.volumes\` instead of \`servers.writable\``;
}

/** /var or /var/lib itself says nothing about what is kept there. */
function holds(folder: string, path: string): boolean {
  return folder.split("/").length > 3 && isIn(path, folder);
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
