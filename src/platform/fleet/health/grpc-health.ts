import type { IncomingHttpHeaders } from "node:http2";
import { askedWords, type GrpcCheck } from "../../../domain/spec/health-check.ts";
import type { ProbeResult } from "./health.ts";

/** What came back for one call: headers with trailers among them, and the bytes between them. */
export interface GrpcReply {
  readonly headers: IncomingHttpHeaders & { readonly ":status"?: number | undefined };
  readonly body: Buffer;
}

/**
 * A HealthCheckRequest, whose field 1 is the service's name (gRPC Health Checking Protocol), as a length-prefixed message
 * without compression (gRPC over HTTP/2, "Requests").
 */
export function requestFrame(service: string): Buffer {
  const name = Buffer.from(service);
  // A length takes two bytes of a varint from 128 on.
  const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7];
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

/** What the reply says of the server. */
export function answerOf(check: GrpcCheck, { headers, body }: GrpcReply): ProbeResult {
  const fault = (words: string): ProbeResult => ({ ok: false, words: `${askedWords(check)} ${words}` });
  const code = Number(headers["grpc-status"] ?? Number.NaN);
  if (Number.isNaN(code)) return fault(`answered ${headers[":status"] ?? "nothing"}, which is not gRPC`);
  if (code === 12) return fault("is not implemented by the server");
  if (code === 5) return fault("is not known: the server has no service of that name");
  if (code !== 0) return fault(`failed with gRPC status ${code}${messageOf(headers["grpc-message"])}`);
  const status = statusIn(body);
  const name = status === undefined ? undefined : statuses[status];
  if (name === undefined) return fault("answered something that is not a health status");
  return { ok: name === "SERVING", words: `${askedWords(check)} answered ${name}` };
}

/** Field 1 of the message after the prefix; 0 when it is left out. */
function statusIn(body: Buffer): number | undefined {
  if (body.length < 5 || body[0] !== 0 || body.length < 5 + body.readUInt32BE(1)) return undefined;
  const message = body.subarray(5);
  if (message.length === 0) return 0;
  return message[0] === 0x08 ? message[1] : undefined;
}

/** Percent-encoded (gRPC over HTTP/2, "Responses"); shown on terminals, so nothing but text is left. */
function messageOf(message: string | readonly string[] | undefined): string {
  const text = String(message ?? "").replace(/[^ -~]/g, "");
  return text === "" ? "" : `: ${text.slice(0, 120)}`;
}
