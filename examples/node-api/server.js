import http from "node:http";

const greeting = process.env.GREETING ?? "hello";
let stopping = false;

const server = http.createServer((request, response) => {
  if (stopping) response.setHeader("Connection", "close");
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/healthz") return answer(response, stopping ? 503 : 200, { ok: !stopping });
  if (pathname === "/") return answer(response, 200, { greeting, node: process.version, pid: process.pid });
  answer(response, 404, { error: `There is nothing at ${pathname}.` });
});

function answer(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

// Longer than a proxy keeps idle connections, so that the proxy closes them and never meets a closed one.
server.keepAliveTimeout = 75_000;

// Open requests are answered, new connections are not taken, then the process ends by itself.
process.once("SIGTERM", () => {
  stopping = true;
  server.close();
  server.closeIdleConnections();
});

server.listen(Number(process.env.PORT ?? 3000), () => console.log(`listening on ${server.address().port}`));
