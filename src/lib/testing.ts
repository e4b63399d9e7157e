import { randomInt } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isErrno } from "./errors.ts";

/** Below the ports that Kiln has for names and those that the kernel gives to clients: nothing takes one by itself. */
const [first, last] = [10_000, 23_999];

/** A TCP port that was free on every address a moment ago, and that no client is given meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(first, last + 1);
    const server = createServer().listen(port);
    const isFree = await once(server, "listening").then(
      () => true,
      (error) => {
        if (isErrno(error, "EADDRINUSE")) return false;
        throw error;
      },
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** A tmpfs where there is one: what a program syncs there is synced as always, but no disk is waited for. */
const memory = isWritable("/dev/shm") ? "/dev/shm" : tmpdir();

/** Makes a folder for files that need not outlive the test, whose name begins with `prefix`. The caller deletes it. */
export function memoryFolder(prefix: string): string {
  return mkdtempSync(join(memory, prefix));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
