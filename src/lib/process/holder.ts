import type { Code } from "../code.ts";
import { readTextIfExists, writeFileAtomic } from "../files/files.ts";

/** Who started a controller: a command that needed one, a service manager, or a person, in the foreground. */
export type Starter = "command" | "service" | "person";

/** The controller that holds a state folder, as it has recorded itself next to the lock. */
export interface Holder {
  readonly pid: number;
  /** Absent: the controller is older than this field. */
  readonly code?: Code;
  readonly startedBy?: Starter;
}

/** The record of the controller that holds the lock, or held it last. */
export async function readHolder(lockPath: string): Promise<Holder | undefined> {
  const text = await readTextIfExists(holderFile(lockPath));
  return text === undefined ? undefined : (JSON.parse(text) as Holder);
}

/** Called by the controller that has just got the lock. */
export async function writeHolder(lockPath: string, holder: Holder): Promise<void> {
  await writeFileAtomic(holderFile(lockPath), JSON.stringify(holder), { durable: false });
}

function holderFile(lockPath: string): string {
  return `${lockPath}.json`;
}
