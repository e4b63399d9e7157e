import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Answers with a tag of the content; a client that has just this content gets 304 and no body (RFC 9110 section 13.1.2). */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, value: unknown): FastifyReply {
  const body = JSON.stringify(value);
  const tag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  reply.headers({ etag: tag, "cache-control": "no-cache" });
  if (request.headers["if-none-match"] === tag) return reply.code(304).send();
  return reply.type("application/json; charset=utf-8").send(body);
}
