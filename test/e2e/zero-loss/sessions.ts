import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./ask.ts";

/** A connection over which messages are sent, and each is answered. */
interface Line extends Disposable {
  /** Sends a message and takes its answer; throws when the other side closes instead, or answers something else. */
  exchange(words: string): Promise<void>;
  /** Closes as the protocol wants it. */
  finish(): Promise<void>;
  /** When the other side closed (Unix time in ms). */
  readonly closed: Promise<number>;
}

interface Protocol {
  readonly message: (words: string) => Buffer;
  /** With what an answer ends. */
  readonly answer: (words: string) => Buffer;
  readonly goodbye: (socket: Socket) => void;
}

const conversationMs = 2000;
const pauseMs = 50;
/** As in a chat: again and again there is a moment in which nothing is said. */
const longPauseMs = () => 200 + 200 * Math.random();

/** RFC 6455: text frames to and fro for two seconds, then a close by the client. Any other end is a loss. */
export function webSocketSession(port: number): Ask {
  return async () => converse(await openWebSocket(port));
}

/** The same over plain TCP. */
export function tcpSession(port: number): Ask {
  return async () => converse(await openTcp(port));
}

/** Resolves to the number of answers. */
async function converse(opened: Line): Promise<number> {
  using line = opened;
  const endMs = Date.now() + conversationMs;
  let answers = 0;
  for (; Date.now() < endMs; answers++) {
    await line.exchange(`words ${answers}`);
    await sleep(pauseMs);
  }
  await line.finish();
  return answers;
}

/** How a connection without an end was ended by the other side. */
export interface LongEnd {
  readonly atMs: number;
  readonly answers: number;
  /** A message was on its way, and no server will ever answer it. */
  readonly inMessage: boolean;
}

/** Speaks until the other side closes. */
export async function speakUntilClosed(opening: Promise<Line>): Promise<LongEnd> {
  using line = await opening;
  for (let answers = 0; ; answers++) {
    const isAnswered = await line.exchange(`think ${answers}`).then(
      () => true,
      () => false,
    );
    if (!isAnswered) return { atMs: await line.closed, answers, inMessage: true };
    const atMs = await Promise.race([line.closed, sleep(longPauseMs())]);
    if (atMs !== undefined) return { atMs, answers: answers + 1, inMessage: false };
  }
}

/** An open WebSocket. */
export function openWebSocket(port: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    };
    const asked = request({ port, headers, agent: false });
    asked.once("error", reject);
    asked.once("response", ({ statusCode }) => reject(new Error(`status ${statusCode} for an upgrade`)));
    asked.once("upgrade", (_response, socket) => resolve(lineOver(socket, webSocket)));
    asked.end();
  });
}

/** An open connection of plain TCP. */
export async function openTcp(port: number): Promise<Line> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return lineOver(socket, plain);
}

function lineOver(socket: Socket, { message, answer, goodbye }: Protocol): Line {
  socket.on("error", () => {}); // what it means for a message, `closed` tells
  const closed = new Promise<number>((resolve) => {
    for (const event of ["end", "close"]) socket.once(event, () => resolve(Date.now()));
  });
  const broken = closed.then(() => Promise.reject(new Error("closed by the other side")));
  broken.catch(() => {});
  socket.resume(); // otherwise an end is not seen
  return {
    closed,
    exchange: async (words) => {
      const got = new Promise<Buffer>((resolve) => socket.once("data", resolve));
      socket.write(message(words));
      const bytes = await Promise.race([got, broken]);
      if (!bytes.subarray(-answer(words).length).equals(answer(words)))
        throw new Error(`other words came back: ${bytes}`);
    },
    finish: async () => {
      goodbye(socket);
      await closed;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** RFC 6455, section 5.2. */
const webSocket: Protocol = {
  message: (words) => maskedFrame(1, words),
  answer: (words) => Buffer.concat([head(1, words), Buffer.from(words)]),
  goodbye: (socket) => socket.write(maskedFrame(8, "")),
};

const plain: Protocol = {
  message: (words) => Buffer.from(words),
  answer: (words) => Buffer.from(`:${words}`),
  goodbye: (socket) => socket.end(),
};

/** Clients must mask: here with zeros. */
function maskedFrame(code: number, words: string): Buffer {
  const [first = 0, length = 0] = head(code, words);
  return Buffer.concat([Buffer.from([first, length | 0x80, 0, 0, 0, 0]), Buffer.from(words)]);
}

function head(code: number, words: string): Buffer {
  return Buffer.from([0x80 | code, Buffer.byteLength(words)]);
}
