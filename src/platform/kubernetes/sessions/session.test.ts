import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { exitCodeOf, startCommand } from "./session.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function started(port: number) {
  const stdin = new PassThrough();
  const written: string[] = [];
  const command = await startCommand(
    {
      access: { server: `http://127.0.0.1:${port}`, insecure: false, token: "t" },
      ...{ path: "/pods/a/exec", container: "server", command: ["sh", "-c", "a b"], terminal: false },
    },
    {
      stdin: stdin as unknown as NodeJS.ReadStream,
      write: async (stream, bytes) => void written.push(`${stream}: ${Buffer.from(bytes)}`),
    },
  );
  return { command, stdin, written };
}

/** An API server that offers this version of the protocol; what it was sent, by channel, and its side of the connection. */
async function cluster(version: string) {
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => version });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
  });
  const sent: (readonly [channel: number | undefined, text: string])[] = [];
  const opened = new Promise<WebSocket>((resolve) => {
    sockets.on("connection", (socket, asked) => {
      sent.push([-1, asked.url ?? ""]);
      socket.on("message", (data: Buffer) => sent.push([data[0], data.subarray(1).toString("latin1")]));
      resolve(socket);
    });
  });
  const { port } = server.address() as AddressInfo;
  const { command, stdin, written } = await started(port);
  const socket = await opened;
  const tell = (channel: number, text: string) =>
    socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
  return { command, stdin, sent, written, socket, tell };
}

const success = JSON.stringify({ status: "Success" });

test("streams and sizes go through their channels, and the end of the input where there is a way to say it", async () => {
  for (const [version, end] of [
    ["v5.channel.k8s.io", [[255, "\0"]]],
    ["v4.channel.k8s.io", []],
  ] as const) {
    const { command, stdin, sent, written, tell } = await cluster(version);
    command.resize({ columns: 77, rows: 33 });
    stdin.end("hello");
    tell(1, "heard");
    tell(2, "oops");
    await expect.poll(() => sent.length, { timeout: 60_000 }).toBe(3 + end.length);
    tell(3, success);
    expect(await command.ended).toBe(0);
    expect(written).toEqual(["stdout: heard", "stderr: oops"]);
    expect(sent).toEqual([
      [
        -1,
        "/pods/a/exec?stdin=true&stdout=true&stderr=true&tty=false&container=server&command=sh&command=-c&command=a+b",
      ],
      [4, '{"Width":77,"Height":33}'],
      [0, "hello"],
      ...end,
    ]);
  }
});

/** An API server whose first answer comes with everything that a short command writes, in one piece. */
async function hastyCluster(messages: readonly Buffer[]): Promise<number> {
  const server = createServer();
  server.on("upgrade", (asked, socket) => {
    const accept = createHash("sha1")
      .update(`${asked.headers["sec-websocket-key"]}${magic}`)
      .digest("base64");
    const head = [
      ...["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"],
      ...[`Sec-WebSocket-Accept: ${accept}`, "Sec-WebSocket-Protocol: v5.channel.k8s.io"],
    ];
    const frames = messages.map((bytes) => Buffer.concat([Buffer.of(0x82, bytes.length), bytes]));
    socket.on("error", () => {});
    socket.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), ...frames]));
    closers.push(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** RFC 6455, 1.3. */
const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

test("what arrives together with the first answer is not lost", async () => {
  const port = await hastyCluster([Buffer.from("\x01heard"), Buffer.from(`\x03${success}`)]);
  const { command, written } = await started(port);
  expect(await command.ended).toBe(0);
  expect(written).toEqual(["stdout: heard"]);
});

test("a connection that ends without an outcome is a lost session, unless it was ended here", async () => {
  const lost = await cluster("v4.channel.k8s.io");
  lost.socket.terminate();
  await expect(lost.command.ended).rejects.toMatchObject({ code: "target_unreachable" });
  const stopped = await cluster("v4.channel.k8s.io");
  stopped.command.stop("SIGINT");
  expect(await stopped.command.ended).toBe(130);
});

test("the outcome has the exit code, or what kept the command from running", () => {
  expect(exitCodeOf(success)).toBe(0);
  const causes = [{ reason: "ExitCode", message: "7" }];
  expect(
    exitCodeOf(JSON.stringify({ status: "Failure", reason: "NonZeroExitCode", details: { causes } })),
  ).toBe(7);
  const failed = { status: "Failure", reason: "InternalError", message: "no such container" };
  expect(() => exitCodeOf(JSON.stringify(failed))).toThrow("no such container");
});
