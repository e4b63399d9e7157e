import { constants } from "node:os";
import { WebSocket } from "ws";
import { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";
import type { RemoteCommand, SessionEnds } from "../../linux/sessions/session-program.ts";

export const clusterSessionSchema = z.object({
  access: z.object({
    server: z.string(),
    insecure: z.boolean(),
    authority: z.string().optional(),
    serverName: z.string().optional(),
    token: z.string().optional(),
    certificate: z.string().optional(),
    key: z.string().optional(),
  }),
  /** `/api/v1/namespaces/shop/pods/shop-1-abcde/exec`. */
  path: z.string(),
  container: z.string(),
  command: z.array(z.string()),
  terminal: z.boolean(),
});

/** What a session's program has to know. */
export type ClusterSession = Readonly<z.infer<typeof clusterSessionSchema>>;

/**
 * The first byte of each message: https://kubernetes.io/docs/reference/, remotecommand of k8s.io/apimachinery `pkg/util/remotecommand/constants.go`.
 * Version 5 has `close`, which ends an input.
 */
const channel = { stdin: 0, stdout: 1, stderr: 2, outcome: 3, resize: 4, close: 255 } as const;
const version5 = "v5.channel.k8s.io";
const protocols = [version5, "v4.channel.k8s.io"];

/** A connection that answers nothing for this long is dead. */
const pingMs = 30_000;

/** What the server says at the end: a `Status` of apimachinery. */
const outcomeSchema = z.object({
  status: z.string().optional(),
  message: z.string().default(""),
  reason: z.string().default(""),
  details: z
    .object({ causes: z.array(z.object({ reason: z.string(), message: z.string() })).default([]) })
    .optional(),
});

/** Runs the command in the pod and connects it with these streams. */
export async function startCommand(session: ClusterSession, ends: SessionEnds): Promise<RemoteCommand> {
  const socket = await connect(session);
  const ended = Promise.withResolvers<number>();
  let stopped: NodeJS.Signals | undefined;
  let written = Promise.resolve();

  const pass = (stream: "stdout" | "stderr", bytes: Buffer) => {
    socket.pause();
    written = written.then(() => ends.write(stream, bytes)).finally(() => socket.resume());
    written.catch(ended.reject);
  };
  const finish = (outcome: () => number) => written.then(outcome).then(ended.resolve, ended.reject);

  socket.on("message", (data: Buffer) => {
    const bytes = data.subarray(1);
    if (data[0] === channel.stdout && bytes.length > 0) pass("stdout", bytes);
    if (data[0] === channel.stderr && bytes.length > 0) pass("stderr", bytes);
    if (data[0] === channel.outcome && bytes.length > 0) finish(() => exitCodeOf(bytes.toString()));
  });
  socket.on("close", () => finish(() => (stopped === undefined ? lost() : 128 + constants.signals[stopped])));
  keepAlive(socket);
  socket.resume();
  void passInput(socket, ends.stdin);

  return {
    ended: ended.promise,
    resize: ({ columns, rows }) =>
      send(socket, channel.resize, JSON.stringify({ Width: columns, Height: rows })),
    /** The API passes no signals on: the command runs on in the server until that is replaced. */
    stop(signal) {
      stopped = signal;
      socket.terminate();
    },
  };
}

/** Throws `exec_refused` with the server's words, `target_unreachable` when there is no connection. */
async function connect({ access, path, container, command, terminal }: ClusterSession): Promise<WebSocket> {
  const url = new URL(`${access.server.replace(/^http/, "ws")}${path}`);
  const flags = { stdin: true, stdout: true, stderr: !terminal, tty: terminal };
  for (const [name, value] of Object.entries(flags)) url.searchParams.set(name, String(value));
  url.searchParams.set("container", container);
  for (const word of command) url.searchParams.append("command", word);
  const socket = new WebSocket(url, protocols, {
    ...{ perMessageDeflate: false, rejectUnauthorized: !access.insecure },
    ...{ ca: access.authority, servername: access.serverName, cert: access.certificate, key: access.key },
    headers: access.token === undefined ? {} : { authorization: `Bearer ${access.token}` },
  });
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.on("error", () => {}); // it is closed then, which tells
      socket.pause(); // what came together with the answer waits for those who listen
      resolve(socket);
    });
    socket.once("error", (cause) => reject(unreachable(access.server, cause)));
    socket.once("unexpected-response", async (_, answer) => {
      const text = (await answer.setEncoding("utf8").toArray()).join("");
      reject(refused(answer.statusCode ?? 0, text));
    });
  });
}

function send(socket: WebSocket, to: number, content: string | Uint8Array): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.concat([Buffer.of(to), Buffer.from(content)]));
}

/** Version 4 has no way to say that the input has ended: a command that reads on waits. */
async function passInput(socket: WebSocket, stdin: NodeJS.ReadStream): Promise<void> {
  for await (const bytes of stdin) send(socket, channel.stdin, bytes);
  if (socket.protocol === version5) send(socket, channel.close, Buffer.of(channel.stdin));
}

function keepAlive(socket: WebSocket): void {
  let isAlive = true;
  socket.on("pong", () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, pingMs);
  socket.on("close", () => clearInterval(timer));
}

/** Throws what kept the command from running. */
export function exitCodeOf(text: string): number {
  const { status, reason, message, details } = outcomeSchema.parse(JSON.parse(text));
  if (status === "Success") return 0;
  const code = details?.causes.find((cause) => cause.reason === "ExitCode")?.message;
  if (reason === "NonZeroExitCode" && code !== undefined) return Number(code);
  throw new KilnError("server_failed", `Kubernetes could not run the command: ${message}`, {
    hint: "`kiln logs` shows what the server has written.",
  });
}

function lost(): never {
  throw new KilnError(
    "target_unreachable",
    "The session is lost: its server is gone, or the connection to the cluster has ended.",
    { hint: "What still runs in the server ends when Kiln replaces it." },
  );
}

function refused(status: number, text: string): KilnError {
  const words = z.object({ message: z.string() }).safeParse(parsed(text)).data?.message ?? `status ${status}`;
  return new KilnError("server_failed", `Kubernetes refused the session: ${words}`, {
    hint: "`kiln target show` says whether the user of the kubeconfig may run commands in pods.",
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(server: string, cause: Error): KilnError {
  return new KilnError("target_unreachable", `No API server answers at ${server}: ${cause.message}.`, {
    hint: "Check the network between this machine and the cluster, and that no proxy refuses WebSockets.",
    cause,
  });
}
