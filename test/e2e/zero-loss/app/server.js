// Answers all that a service may be asked for: at once, late, bit by bit, uploads, WebSockets; or, with MODE=tcp, lines.
import { createHash } from "node:crypto";
import http from "node:http";
import net from "node:net";
import os from "node:os";

const id = os.hostname();
const port = Number(process.env.PORT);
const sockets = new Set();

function answer(request, response) {
  let bytes = 0;
  request.on("data", (chunk) => {
    bytes += chunk.length;
  });
  request.on("end", () => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    const ms = Number(searchParams.get("ms"));
    if (pathname === "/trickle") return trickle(response, ms);
    setTimeout(() => response.end(JSON.stringify({ id, bytes })), pathname === "/late" ? ms : 0);
  });
}

/** Ten parts of ten bytes. */
function trickle(response, ms) {
  let parts = 0;
  response.writeHead(200, { "X-Server": id });
  const timer = setInterval(() => {
    response.write("0123456789");
    if (++parts < 10) return;
    clearInterval(timer);
    response.end();
  }, ms / 10);
}

/** RFC 6455: small frames of text, sent back as they come. */
function upgrade(request, socket) {
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
  socket.write(`Sec-WebSocket-Accept: ${accept}\r\nX-Server: ${id}\r\n\r\n`);
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 6 && rest.length >= 6 + (rest[1] & 0x7f)) {
      const length = rest[1] & 0x7f;
      const text = rest.subarray(6, 6 + length).map((byte, i) => byte ^ rest[2 + (i % 4)]);
      say(socket, text, Buffer.concat([Buffer.from([rest[0], length]), text]));
      if ((rest[0] & 0x0f) === 8) socket.end(); // a close is answered, and that was all
      rest = rest.subarray(6 + length);
    }
  });
  socket.on("end", () => socket.end());
  keep(socket);
}

function lines(socket) {
  socket.on("data", (chunk) => say(socket, chunk, `${id}:${chunk}`));
  keep(socket);
}

/** Questions that begin so take a while to answer. */
function say(socket, question, words) {
  if (!question.toString().startsWith("think")) return socket.write(words);
  setTimeout(() => socket.writable && socket.write(words), 60);
}

function keep(socket) {
  sockets.add(socket);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => sockets.delete(socket));
}

const server =
  process.env.MODE === "tcp" ? net.createServer(lines) : http.createServer(answer).on("upgrade", upgrade);
server.listen(port, () => console.log(`${id} listens on ${port}`));

process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  for (const socket of sockets) socket.end();
});
