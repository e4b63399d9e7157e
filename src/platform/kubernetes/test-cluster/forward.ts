import { once } from "node:events";
import { connect, type Server, type Socket } from "node:net";

/** What arrives at `at` is sent on to `to`; both are `HOST:PORT`. */
export async function forward(
  server: Server,
  at: string,
  to: string,
  arrival: "connection" | "secureConnection" = "connection",
): Promise<Server> {
  server.on(arrival, (incoming: Socket) => {
    const { hostname, port } = new URL(`http://${to}`);
    const outgoing = connect(Number(port), hostname);
    for (const socket of [incoming, outgoing])
      socket.on("error", () => [incoming, outgoing].map((s) => s.destroy()));
    incoming.pipe(outgoing).pipe(incoming);
  });
  const { hostname, port } = new URL(`http://${at}`);
  server.listen(Number(port), hostname);
  await once(server, "listening");
  server.unref();
  return server;
}
