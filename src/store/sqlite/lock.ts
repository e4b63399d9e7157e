import { DatabaseSync } from "node:sqlite";
import { KilnError } from "../../lib/errors.ts";
import { type Holder, readHolder, writeHolder } from "../../lib/process/holder.ts";

/** SQLITE_BUSY (https://sqlite.org/rescode.html#busy). */
const busy = 5;

/**
 * Makes this process the only controller of a state folder until it ends, however it ends: the lock is SQLite's own
 * (POSIX record locks of an open transaction), which the kernel drops with the process. Throws `state_held`, naming
 * the holder.
 */
export async function holdState(lockPath: string, self: Holder): Promise<Disposable> {
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
        hint: "`kiln controller status` shows it; `kiln controller stop` ends it. Servers keep running.",
        cause,
      },
    );
  }
  await writeHolder(lockPath, self);
  return { [Symbol.dispose]: () => database.close() };
}
