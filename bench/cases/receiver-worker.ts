import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Takes every message, in a process of its own. Sends its port once it listens. */
const server = createServer((request, response) => {
  request.resume().once("end", () => response.writeHead(204).end());
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit());
