import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../lib/time/clock.ts";
import { isAllowed } from "./allowed.ts";
import { refuse, sendEntered, sendFile, sendPage } from "./answers.ts";
import type { BuiltFile } from "./built.ts";
import { type Forwarded, forward } from "./forward.ts";
import { Gate } from "./gate.ts";
import { peerUser } from "./peer-user.ts";

interface DashboardOptions extends Forwarded {
  readonly page: ReadonlyMap<string, BuiltFile>;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly clock: Clock;
}

export interface Dashboard {
  /** Lets one browser in, once. */
  readonly url: string;
  close(): Promise<void>;
}

const address = "127.0.0.1";
/** Before the code of the link. */
const entry = "/enter/";

/** Serves the dashboard on this machine alone, to one browser, until it is closed. Rejects when the port is taken. */
export async function serveDashboard(options: DashboardOptions): Promise<Dashboard> {
  const server = createServer();
  server.listen(options.port, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const gate = new Gate(port, options.clock.now());
  const code = gate.code ?? "";
  server.on("request", (request, response) => answer({ ...options, port, gate }, request, response));
  return { url: `http://${address}:${port}${entry}${code}`, close: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  const done = once(server, "close");
  server.close();
  server.closeAllConnections();
  await done;
}

interface House extends DashboardOptions {
  readonly gate: Gate;
}

/** A request as it came. */
interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** As it was sent, without its query. */
  readonly path: string;
}

type Refusal = readonly [status: number, why: string];

function answer(house: House, request: IncomingMessage, response: ServerResponse): void {
  const asked = { request, response, path: request.url?.split("?")[0] ?? "" };
  const refusal = atTheDoor(house, asked) ?? inside(house, asked);
  if (refusal !== undefined) refuse(response, ...refusal);
}

/** Answers the link. Says why others are refused; undefined: it was answered, or may come in. */
function atTheDoor(
  { gate, port, clock, page }: House,
  { request, response, path }: Asked,
): Refusal | undefined {
  const { host, cookie } = request.headers;
  // Someone else's name that leads to this address (DNS rebinding) is seen by what the browser asked for.
  if (host !== `${address}:${port}`) return [421, `This is http://${address}:${port}, nothing else.`];
  const user = peerUser(request.socket);
  if (!path.startsWith(entry)) {
    if (gate.admits({ cookie, user })) return undefined;
    return [401, "Open the link that `kiln ui` printed. It lets one browser in, once."];
  }
  const first = page.get("/index.html");
  if (first === undefined) return [404, "There is nothing here."];
  const given =
    request.method === "GET" ? gate.enter(path.slice(entry.length), user, clock.now()) : undefined;
  if (given === undefined)
    return [403, "This link was used, or is too old. Run `kiln ui` again: it prints another."];
  sendEntered(response, given, first);
  return undefined;
}

/** Answers with the page or the controller's answer. Undefined: it was answered. */
function inside(house: House, { request, response, path }: Asked): Refusal | undefined {
  if (response.writableEnded) return undefined;
  if (path.startsWith("/v1/")) {
    if (!isOwn(request)) return [403, "Only the dashboard itself may ask."];
    if (!isAllowed(request.method, path)) return [403, "The dashboard does not ask for this."];
    forward(request, response, house);
    return undefined;
  }
  if (request.method !== "GET") return [405, "Only GET is answered here."];
  const isPage = path === "/index.html" || !(house.page.has(path) || path.startsWith("/assets/"));
  const file = house.page.get(isPage ? "/index.html" : path);
  if (file === undefined) return [404, "There is nothing here."];
  if (isPage) sendPage(response, file, path);
  else sendFile(response, file);
  return undefined;
}

/** Whether the page itself asks: what another page sends says so (Fetch Standard, `origin`; Fetch Metadata, `sec-fetch-site`). */
function isOwn({ method, headers }: IncomingMessage): boolean {
  const { origin, host, "sec-fetch-site": site = "same-origin" } = headers;
  return site === "same-origin" && (method === "GET" || origin === `http://${host}`);
}
