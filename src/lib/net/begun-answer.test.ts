import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { begunAnswer } from "./begun-answer.ts";

async function answered(bytes: string): Promise<number | undefined> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(bytes));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const call = request({ host: "127.0.0.1", port, agent: false });
    const answer = begunAnswer(call);
    call.end();
    return (await answer).resume().statusCode;
  } finally {
    server.close();
  }
}

test("an answer begins with its status", async () => {
  expect(await answered("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).toBe(200);
});

test.each([
  ["no answer", "", "socket hang up"],
  ["only the promise of one", "HTTP/1.1 100 Continue\r\n\r\n", "socket hang up"],
  [
    "another protocol",
    "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "was not asked for",
  ],
])("%s is an error", async (_name, bytes, why) => {
  await expect(answered(bytes)).rejects.toThrow(why);
});
