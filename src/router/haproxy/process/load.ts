import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** One kind of client for the tests of this folder. */
export interface LoadClient {
  readonly port: number;
  readonly host?: string;
  readonly keepAlive: boolean;
  /** `slow POST` sends its body in five parts over 50 ms. */
  readonly kind: "GET" | "POST" | "slow POST";
  readonly path?: string;
}

export interface LoadTally {
  readonly served: number;
  /** What became of every request that was not answered with 200. */
  readonly lost: readonly string[];
  readonly byServer: ReadonlyMap<string, number>;
}

export interface LoadAnswer {
  readonly status: number;
  /** The id of the server that answered, from its JSON. */
  readonly server: string;
  readonly body: string;
}

export interface LoadRun {
  /** Requests answered with 200 so far. */
  served(): number;
  stop(): Promise<LoadTally>;
}

/** Clients that send one request after the other until they are stopped. */
export function startLoad(clients: readonly LoadClient[]): LoadRun {
  const lost: string[] = [];
  const byServer = new Map<string, number>();
  let stopped = false;
  const running = clients.map(async (client) => {
    const agent = new Agent({ keepAlive: client.keepAlive, maxSockets: 1 });
    while (!stopped) {
      try {
        const { status, server, body } = await send(client, agent);
        if (status !== 200) throw new Error(`${status} ${body.trim()}`);
        byServer.set(server, (byServer.get(server) ?? 0) + 1);
      } catch (error) {
        lost.push(`${client.kind}${client.keepAlive ? " keep-alive" : ""}: ${(error as Error).message}`);
      }
      await delay(2); // leaves the machine some time for the servers
    }
    agent.destroy();
  });
  const served = () => [...byServer.values()].reduce((a, b) => a + b, 0);
  return {
    served,
    async stop() {
      stopped = true;
      await Promise.all(running);
      return { served: served(), lost, byServer };
    },
  };
}

/** Sends one request and reads the whole answer; rejects when the connection breaks. */
export function send(client: LoadClient, agent: Agent | false = false): Promise<LoadAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        port: client.port,
        method: client.kind === "GET" ? "GET" : "POST",
        path: client.path ?? "/",
        headers: client.host === undefined ? {} : { host: client.host },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const body = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, server: /"id":"([^"]+)"/.exec(body)?.[1] ?? "", body });
        });
      },
    );
    outgoing.on("error", reject);
    if (client.kind === "slow POST") void sendSlowly(outgoing);
    else outgoing.end(client.kind === "POST" ? "x".repeat(1000) : undefined);
  });
}

async function sendSlowly(outgoing: ReturnType<typeof request>): Promise<void> {
  for (let part = 0; part < 5; part++) {
    outgoing.write("x".repeat(1000));
    await delay(10);
  }
  outgoing.end();
}

/** Every kind of client, several times. */
export function mixedClients(port: number, host?: string): readonly LoadClient[] {
  const where = host === undefined ? { port } : { port, host };
  const kinds = (["GET", "POST", "slow POST"] as const).flatMap((kind) =>
    [true, false].map((keepAlive) => ({ ...where, kind, keepAlive })),
  );
  return [...kinds, ...kinds];
}
