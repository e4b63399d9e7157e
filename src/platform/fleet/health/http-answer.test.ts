import { expect, test } from "vitest";
import { HttpAnswer, statusOf } from "./http-answer.ts";

test("a status is read only when it is whole", () => {
  expect(statusOf("HTTP/1.1 2")).toBeUndefined();
  expect(statusOf("HTTP/1.1 200")).toBe(200);
});

const ok = "HTTP/1.1 200 OK\r\n";

test.each([
  ["with a length", `${ok}Content-Length: 5\r\n\r\nhello`, true],
  ["with a length that is not reached", `${ok}Content-Length: 6\r\n\r\nhello`, false],
  ["with more than its length", `${ok}Content-Length: 4\r\n\r\nhello`, false],
  ["without a body", "HTTP/1.1 204 No Content\r\n\r\n", true],
  ["in chunks", `${ok}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, true],
  ["in chunks that continue", `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, false],
  ["that ends with the connection", `${ok}\r\nhello`, false],
  ["of a server that closes", `${ok}Content-Length: 0\r\nConnection: close\r\n\r\n`, false],
  ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false],
  ["after an interim one", `HTTP/1.1 103 Early Hints\r\n\r\n${ok}Content-Length: 0\r\n\r\n`, true],
])("an answer %s, at once or byte by byte", (_, text, whole) => {
  const pieces = [[text], [...text]];
  for (const piece of pieces) {
    const answer = new HttpAnswer();
    for (const part of piece) answer.read(part);
    expect(answer.status).toBeGreaterThan(199);
    expect(answer.isForeign).toBe(false);
    expect(answer.isWhole).toBe(whole);
  }
});

test("what is not HTTP is known by its first bytes, or by a head without end", () => {
  const other = new HttpAnswer();
  other.read("SSH-2.0");
  expect(other.isForeign).toBe(true);
  const long = new HttpAnswer();
  long.read(`HTTP/1.1 ${"x".repeat(5000)}`);
  expect(long.isForeign).toBe(true);
});

test("heads that are made to be read forever are read in a moment", () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
  const begun = process.threadCpuUsage();
  const several = new HttpAnswer();
  several.read(`${interim}HTTP/1.1 1`);
  expect(several.status).toBeUndefined();
  several.read(`03 Early Hints\r\n\r\n${ok}Content-Length: 0\r\n\r\n`);
  expect([several.status, several.isWhole]).toEqual([200, true]);
  const blank = new HttpAnswer();
  blank.read(`${ok}Connection:${" ".repeat(16_000)}x${" ".repeat(16_000)}y\r\n\r\n`);
  expect([blank.status, blank.isForeign]).toEqual([200, false]);
  expect(process.threadCpuUsage(begun).user).toBeLessThan(5_000_000);
});

test("interim answers without end are not waited for", () => {
  const answer = new HttpAnswer();
  for (let i = 0; i < 300; i++) answer.read("HTTP/1.1 100 Continue\r\n\r\n");
  expect(answer.isForeign).toBe(true);
});
