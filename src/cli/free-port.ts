import { createServer } from "node:net";

/** The first of these TCP ports that is free now, or else the first of all. 0 lets the system choose. */
export async function findFreePort(ports: readonly number[]): Promise<number> {
  for (const port of ports) {
    const free = await tryListen(port);
    if (free !== undefined) return free;
  }
  return ports[0] ?? 0;
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
