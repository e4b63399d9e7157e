import type { ServerResponse } from "node:http";
import type { BuiltFile } from "./built.ts";

/** Nothing comes from elsewhere, nothing is inline, and no text becomes markup or a script. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

export const headers = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** What the first view asks for: a browser asks while it still reads the script. */
const early = "</v1/overview>; rel=preload; as=fetch; crossorigin";

/** Answers the link with the page itself: after a redirect from another site, a browser would not send the cookie. */
export function sendEntered(response: ServerResponse, cookie: string, page: BuiltFile): void {
  response.setHeader("set-cookie", cookie);
  sendPage(response, page, "/");
}

/** `path`: what was asked for. */
export function sendPage(response: ServerResponse, { body, type }: BuiltFile, path: string): void {
  if (path === "/") response.setHeader("link", early);
  response.writeHead(200, { ...headers, "content-type": type, "cache-control": "no-store" });
  response.end(body);
}

/** Names of built files other than the page change with their content. */
export function sendFile(response: ServerResponse, { body, type }: BuiltFile): void {
  const keep = "private, max-age=31536000, immutable";
  response.writeHead(200, { ...headers, "content-type": type, "cache-control": keep });
  response.end(body);
}

export function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, {
    ...headers,
    ...{ "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
  response.end(`${why}\n`);
}
