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

/** A page continues to `/` by itself: after a redirect from another site, a browser would not send the cookie. */
const entered = `<!doctype html><meta charset="utf-8"><title>Kiln</title><meta http-equiv="refresh" content="0;url=/"><p><a href="/">Continue to Kiln</a></p>`;

export function sendEntered(response: ServerResponse, cookie: string): void {
  response.writeHead(200, {
    ...headers,
    ...{ "content-type": "text/html; charset=utf-8", "cache-control": "no-store", "set-cookie": cookie },
  });
  response.end(entered);
}

/** Names of built files other than the page change with their content. */
export function sendFile(response: ServerResponse, path: string, { body, type }: BuiltFile): void {
  const keep = path === "/index.html" ? "no-store" : "private, max-age=31536000, immutable";
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
