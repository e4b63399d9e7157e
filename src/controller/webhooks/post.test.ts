import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { post, requireReceiver } from "./post.ts";

const message = {
  secretHeaders: {},
  headers: { "content-type": "text/plain", "webhook-id": "here-1" },
  body: "grün",
};
const never = new AbortController().signal;
const send = (url: string) => post({ method: "POST", url, ...message }, never);

async function receiver(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("a message is posted as it is", async () => {
  const got: string[] = [];
  using to = await receiver(async (asked, answer) => {
    got.push(`${asked.method} ${asked.url} ${asked.headers["webhook-id"]} ${await text(asked)}`);
    answer.writeHead(204).end();
  });
  await send(to.url);
  expect(got).toEqual(["POST /hook here-1 grün"]);
});

test("a receiver that repeats the path of its URL does not make it known", async () => {
  using to = await receiver((asked, answer) => {
    asked.resume();
    answer.writeHead(404).end(`Cannot POST ${asked.url}, nothing at T000/s3cr%65t or T000/s3cret`);
  });
  await expect(send(to.url.replace("/hook", "/T000/s3cr%65t?token=abcd1234"))).rejects.toThrow(
    expect.objectContaining({ message: expect.not.stringMatching(/s3cr|abcd|T000/) }),
  );
});

test("a receiver that repeats a header of the webhook does not make it known, and cannot be sent another of Kiln's own", async () => {
  using to = await receiver((asked, answer) => {
    asked.resume();
    const { authorization = "", "x-key": key, "content-type": type } = asked.headers;
    answer
      .writeHead(401)
      .end(`no user for ${authorization}, nor ${authorization.slice(7)} or ${key} (${type})`);
  });
  const secretHeaders = { Authorization: "Bearer t0ken-1234", "X-Key": "k3y abcd", "Content-Type": "text/x" };
  await expect(post({ method: "POST", url: to.url, ...message, secretHeaders }, never)).rejects.toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/answered 401: no user for …, nor … or … \(text\/plain\)/),
    }),
  );
});

test("the scheme of a URL may be written in any case", async () => {
  using to = await receiver((asked, answer) => void asked.resume().on("end", () => answer.end()));
  await send(to.url.replace("http:", "HTTP:"));
  await expect(send("HTTPS://127.0.0.1:1/x")).rejects.toMatchObject({
    code: "webhook_failed",
  });
});

test("every other answer is a failure with the receiver's own words, and redirects are not followed", async () => {
  using to = await receiver((asked, answer) => {
    asked.resume();
    if (asked.url === "/hook") answer.writeHead(302, { location: "/other" }).end("over there");
    else answer.writeHead(200).end();
  });
  await expect(send(to.url)).rejects.toMatchObject({
    code: "webhook_failed",
    message: expect.stringMatching(
      /^http:\/\/127\.0\.0\.1:\d+ did not take the message: it answered 302: over there\.$/,
    ),
  });
  await expect(send("http://127.0.0.1:1/x")).rejects.toMatchObject({
    code: "webhook_failed",
  });
});

test.each([
  "ftp://example.com/x",
  "http://example.com/x",
  "https://169.254.169.254/latest",
  "https://[fe80::1]/x",
  "https://user:word@example.com/x",
  "hooks.example.com",
  "",
])("%j is not a receiver", (url) => {
  expect(() => requireReceiver(url)).toThrow(expect.objectContaining({ code: "usage" }));
});

test.each(["https://hooks.example.com/T0/x?y=1", "http://127.0.0.1:8080/x", "http://localhost/x"])(
  "%s is one",
  (url) => expect(() => requireReceiver(url)).not.toThrow(),
);
