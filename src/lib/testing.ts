import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that Kiln has for names and those that the kernel gives to clients: nothing takes one by itself. */
const [first, last] = [10_000, 23_999];

/** A TCP port that was free on every address a moment ago, and that no client is given meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(first, last + 1);
    const server = createServer().listen(port);
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
