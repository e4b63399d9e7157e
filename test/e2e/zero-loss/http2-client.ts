import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Ask } from "./ask.ts";

/**
 * HTTP/2: one connection for many requests, as browsers have it; another one after the router has said that it goes. A
 * request that crosses with that is refused before anything is done with it, mostly by the client's own side of the
 * connection: as every client does, it is asked again (RFC 9113, section 8.7).
 */
export function http2(origin: string): Ask {
  let session: ClientHttp2Session | undefined;
  function open(): ClientHttp2Session {
    const opened = connect(origin, { rejectUnauthorized: false });
    opened.on("error", () => {}); // each request that is hit tells
    opened.once("goaway", () => leave(opened));
    opened.once("close", () => leave(opened));
    return opened;
  }
  function leave(left: ClientHttp2Session): void {
    if (session === left) session = undefined;
    if (!left.closed) left.close();
  }
  return async function ask(signal): Promise<number> {
    session ??= open();
    const stream = session.request({ ":path": "/" }, { signal });
    const answer = await answerOn(stream).catch((error: unknown) => {
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return undefined;
      throw error;
    });
    if (answer === undefined) return ask(signal);
    const { status, text } = answer;
    if (status !== 200 || !text.endsWith("}")) throw new Error(`status ${status}: ${text.slice(0, 50)}`);
    return 1;
  };
}

function answerOn(stream: ClientHttp2Stream): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let text = "";
    stream.setEncoding("utf8");
    stream.once("response", (headers) => (status = Number(headers[":status"])));
    stream.on("data", (chunk) => (text += chunk));
    stream.once("error", reject);
    stream.once("end", () => resolve({ status, text }));
  });
}
