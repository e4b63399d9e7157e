import { DatabaseSync } from "node:sqlite";
import { KilnError } from "../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../lib/files.ts";

/** SQLITE_BUSY (https://sqlite.org/rescode.html#busy). */
const busy = 5;

/** Who holds a state folder. */
interface Holder {
  readonly pid: number;
}

/**
 * Makes this process the only controller of a state folder until it ends, however it ends: the lock is SQLite's own
 * (POSIX record locks of an open transaction), which the kernel drops with the process. Throws `state_held`, naming
 * the holder.
 */
export async function holdState(lockPath: string, pid: number): Promise<Disposable> {
  const database = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode = MEMORY"); // a lock writes nothing
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if ((cause as { errcode?: number }).errcode !== busy) throw cause;
    const holder = await readHolder(lockPath);
    throw new KilnError(
      "state_held",
      `Another controller${holder ? ` (pid ${holder.pid})` : ""} holds this state folder.`,
      {
        hint: "`kiln controller status` shows it; `kiln controller stop` ends it. Servers live on.",
        cause,
      },
    );
  }
  await writeFileAtomic(holderFile(lockPath), JSON.stringify({ pid } satisfies Holder), { durable: false });
  return { [Symbol.dispose]: () => database.close() };
}

async function readHolder(lockPath: string): Promise<Holder | undefined> {
  const text = await readTextIfExists(holderFile(lockPath));
  return text === undefined ? undefined : (JSON.parse(text) as Holder);
}

function holderFile(lockPath: string): string {
  return `${lockPath}.json`;
}
