import { statSync } from "node:fs";
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import { KilnError } from "../../../lib/errors.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { ClusterRequest } from "./api.ts";
import { type ClusterCredentials, CredentialSource } from "./credentials.ts";
import { type ClusterAccess, readKubeconfig } from "./kubeconfig.ts";
import { authorityFile, serviceAccount } from "./service-account.ts";

const keepAliveMs = 30_000;
const connectMs = 15_000;
const mostConnections = 32;
/** A smaller difference between the clocks says nothing. */
const leastDifferenceMs = 5000;

export interface ApiOptions {
  /** Absolute path. It is read again whenever it has changed. Undefined: the service account of the pod that this process runs in. */
  readonly kubeconfig: string | undefined;
  /** Absent: the current one. */
  readonly context: string | undefined;
  readonly clock: Clock;
}

interface Line {
  readonly access: ClusterAccess;
  readonly credentials: CredentialSource;
  readonly agent: Agent | PlainAgent;
  /** For answers that last. */
  readonly lasting: Agent | PlainAgent;
}

/** The way to an API server: its address and credentials, as the kubeconfig has them now. */
export class Connection {
  readonly #o: ApiOptions;
  #line: { readonly line: Line; readonly mark: string } | undefined;
  /** How much the clock of the server is ahead; 0 where the difference means nothing. */
  clockAheadMs = 0;

  constructor(options: ApiOptions) {
    this.#o = options;
  }

  /** The line to the server: a file that was replaced makes another one. */
  open(): Line {
    const { kubeconfig, context, clock } = this.#o;
    const found = statSync(kubeconfig ?? authorityFile(), { throwIfNoEntry: false });
    const mark = found === undefined ? "" : `${found.mtimeMs} ${found.size} ${found.ino}`;
    if (this.#line?.mark === mark) return this.#line.line;
    const access = kubeconfig === undefined ? serviceAccount() : readKubeconfig(kubeconfig, context);
    const Kind = access.server.startsWith("https:") ? Agent : PlainAgent;
    const line = {
      access,
      credentials: new CredentialSource(access.user, clock),
      agent: new Kind({ keepAlive: true, maxSockets: mostConnections }),
      lasting: new Kind(),
    };
    this.#line?.line.agent.destroy();
    this.#line?.line.lasting.destroy();
    this.#line = { line, mark };
    return line;
  }

  /** The answer, whatever its status. Credentials that are refused are renewed once. Throws `target_unreachable`. */
  async ask(asked: ClusterRequest): Promise<IncomingMessage> {
    const line = this.open();
    const credentials = await line.credentials.current(asked.signal);
    const first = await this.#send(line, asked, credentials);
    if (first.statusCode !== 401 || !line.credentials.refused(credentials)) return first;
    first.resume();
    return this.#send(line, asked, await line.credentials.current(asked.signal));
  }

  async #send(line: Line, asked: ClusterRequest, credentials: ClusterCredentials): Promise<IncomingMessage> {
    const { access } = line;
    const { method = "GET", path, query = {}, body, contentType = "application/json", signal } = asked;
    const content = body && JSON.stringify(body);
    const url = new URL(`${access.server}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, value);
    const { authority, insecure, serverName } = access;
    const options = {
      ...{
        method,
        agent: asked.lasting ? line.lasting : line.agent,
        signal,
        rejectUnauthorized: !insecure,
        cert: credentials.certificate,
        key: credentials.key,
      },
      ...(authority === undefined ? {} : { ca: authority }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      headers: {
        ...{ accept: "application/json", "user-agent": "kiln" },
        // Node.js states no length for a DELETE by itself.
        ...(content === undefined
          ? {}
          : { "content-type": contentType, "content-length": Buffer.byteLength(content) }),
        ...(credentials.token === undefined ? {} : { authorization: `Bearer ${credentials.token}` }),
      },
    };
    const sentMs = this.#o.clock.now();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = url.protocol === "https:" ? request(url, options) : plainRequest(url, options);
      sent.on("socket", (socket) => {
        socket.setKeepAlive(true, keepAliveMs);
        if (!socket.connecting) return;
        const tooLate = new Error("the connection was not made in time");
        const late = setTimeout(() => sent.destroy(tooLate), connectMs);
        const made = () => clearTimeout(late);
        socket.once(url.protocol === "https:" ? "secureConnect" : "connect", made);
        sent.on("close", made);
      });
      sent.on("response", resolve);
      sent.on("error", (error) => reject(signal.aborted ? signal.reason : unreachable(access.server, error)));
      sent.end(content);
    });
    this.#compareClocks(answer, sentMs);
    return answer;
  }

  /** RFC 9110, section 6.6.1: whole seconds, so that only larger differences mean something. */
  #compareClocks({ headers }: IncomingMessage, sentMs: number): void {
    const theirs = Date.parse(headers.date ?? "");
    if (Number.isNaN(theirs)) return;
    // The server has set it at some moment since the request was sent: a slow answer leaves room, and what is known stays where it fits.
    const ahead = Math.min(Math.max(this.clockAheadMs, theirs - this.#o.clock.now()), theirs - sentMs);
    this.clockAheadMs = Math.abs(ahead) < leastDifferenceMs ? 0 : ahead;
  }
}

function unreachable(server: string, cause: Error): KilnError {
  return new KilnError("target_unreachable", `No API server answers at ${server}: ${cause.message}.`, {
    hint: "Check the `server` of the kubeconfig and the network between it and the controller.",
    ...{ cause, retry: true },
  });
}
