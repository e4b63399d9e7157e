import { createReadStream, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Actor } from "../../domain/access/actor.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { referrersOf } from "../store/describe.ts";
import { blobPath, ensureStore, hasBlob, type ImageStore, imageStore } from "../store/image-store.ts";
import { mediaTypes } from "../store/oci-types.ts";
import { DistributionFault, toFault } from "./fault.ts";
import { findManifest, maxManifestBytes, receiveManifest, tagsOf } from "./manifests.ts";
import { type Upload, Uploads } from "./uploads.ts";

/** A request for a path below `/v2/`. `actor` finds out who asks; only what changes an image needs to know. */
export type Exchange = (
  request: IncomingMessage,
  response: ServerResponse,
  actor: () => Promise<Actor>,
) => Promise<void>;

export interface Distribution extends AsyncDisposable {
  readonly exchange: Exchange;
}

/** An image has got a version by a push. */
export interface ReceivedImage {
  readonly service: string;
  readonly version: string;
  readonly digest: string;
}

/**
 * The image store as a registry of the OCI distribution specification 1.1: the name of a repository is a service, a tag is
 * a version, and never moves. It takes and hands out exact bytes. Images are removed by the operation of that name.
 */
export function createDistribution(parts: {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly received: (image: ReceivedImage, actor: Actor) => void;
}): Distribution {
  const store = imageStore(parts.state);
  const uploads = new Uploads(store, parts.clock);
  const stop = new AbortController();
  const running = new Set<IncomingMessage>();
  return {
    async exchange(request, response, actor) {
      running.add(request);
      try {
        await ensureStore(store);
        await answer({ ...parts, store, uploads, signal: stop.signal, request, response, actor });
      } catch (error) {
        refuse(response, toFault(error));
      } finally {
        running.delete(request);
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const request of running) request.destroy();
      await uploads.close();
    },
  };
}

interface Call {
  readonly store: ImageStore;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly received: (image: ReceivedImage, actor: Actor) => void;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly actor: () => Promise<Actor>;
}

const digestForm = /^sha256:[0-9a-f]{64}$/;

async function answer(call: Call): Promise<void> {
  const { request, response } = call;
  const url = new URL(request.url ?? "/", "http://controller");
  if (/^\/v2\/?$/.test(url.pathname)) return json(response, 200, {});
  const [, service = "", kind, rest = ""] =
    /^\/v2\/([a-z][a-z0-9-]{0,31})\/(manifests|blobs\/uploads|blobs|referrers|tags)\/(.*)$/.exec(
      url.pathname,
    ) ?? [];
  switch (`${request.method} ${kind}`) {
    case "GET manifests":
    case "HEAD manifests":
      return sendManifest(call, service, plain(rest));
    case "PUT manifests":
      return takeManifest(call, service, plain(rest));
    case "GET blobs":
    case "HEAD blobs":
      return sendBlob(call, plain(rest));
    case "POST blobs/uploads":
      return beginUpload(call, service, url);
    case "GET blobs/uploads":
      return tellUpload(response, 204, service, call.uploads.find(rest));
    case "PATCH blobs/uploads":
      await continueUpload(call, call.uploads.find(rest));
      return tellUpload(response, 202, service, call.uploads.find(rest));
    case "PUT blobs/uploads":
      return endUpload(call, service, call.uploads.find(rest), url);
    case "DELETE blobs/uploads":
      await call.uploads.find(rest).discard();
      return end(response, 204, {});
    case "GET referrers":
      return sendReferrers(call, plain(rest));
    case "GET tags":
      return json(response, 200, { name: service, tags: await tagsOf(call.store, service) });
  }
  if (kind !== undefined)
    throw new DistributionFault(405, "UNSUPPORTED", "Kiln does not do this below /v2/.");
  throw new DistributionFault(404, "NAME_INVALID", "The name of a repository is the name of a service.");
}

async function sendManifest(
  { store, request, response }: Call,
  service: string,
  reference: string,
): Promise<void> {
  const { digest, mediaType, bytes } = await findManifest(store, service, reference);
  response.writeHead(200, {
    ...{ "content-type": mediaType, "content-length": bytes.length, "docker-content-digest": digest },
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** Clients may write `:` as `%3A`; no name has another `%`. */
function plain(reference: string): string {
  return reference.replace(/%3A/i, ":");
}

async function takeManifest(call: Call, service: string, reference: string): Promise<void> {
  const { store, request, response, clock, signal } = call;
  const [mediaType = ""] = `${request.headers["content-type"] ?? ""}`.split(";");
  const sent = { bytes: await bodyOf(request), mediaType: mediaType.trim() };
  const to = { service, reference };
  const { digest, subject, published } = await receiveManifest(store, to, sent, clock.now(), signal);
  if (published) call.received({ ...published, digest }, await call.actor());
  end(response, 201, {
    location: `/v2/${service}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(subject === undefined ? {} : { "oci-subject": subject }),
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxManifestBytes)
      throw new DistributionFault(413, "SIZE_INVALID", "A manifest has at most 4 MiB.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function sendBlob({ store, request, response }: Call, digest: string): Promise<void> {
  const path = digestForm.test(digest) ? blobPath(store, digest) : "";
  const size = path === "" ? undefined : statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new DistributionFault(404, "BLOB_UNKNOWN", `There is no blob ${digest}.`);
  const from = Number(/^bytes=(\d{1,15})-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (from > 0 && from >= size)
    throw new DistributionFault(416, "SIZE_INVALID", `The blob has ${size} bytes.`);
  response.writeHead(from > 0 ? 206 : 200, {
    "content-type": "application/octet-stream",
    "content-length": size - from,
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    ...(from > 0 ? { "content-range": `bytes ${from}-${size - 1}/${size}` } : {}),
  });
  if (request.method === "HEAD" || size === 0) return void response.end();
  // a client that goes in the middle is not a fault
  await pipeline(createReadStream(path, { start: from, highWaterMark: 1 << 18 }), response).catch(() => {});
}

/** A mount from another repository succeeds when the blob is there: all services share one store. */
async function beginUpload(call: Call, service: string, url: URL): Promise<void> {
  const { store, uploads, response, clock } = call;
  const mounted = url.searchParams.get("mount") ?? "";
  const size = digestForm.test(mounted)
    ? statSync(blobPath(store, mounted), { throwIfNoEntry: false })?.size
    : undefined;
  if (size !== undefined && hasBlob(store, mounted, size, { nowMs: clock.now() })) {
    return tellBlob(response, service, mounted);
  }
  const upload = await uploads.begin();
  if (url.searchParams.has("digest")) return endUpload(call, service, upload, url);
  tellUpload(response, 202, service, upload);
}

async function continueUpload({ request }: Call, upload: Upload): Promise<void> {
  const from = /^(\d{1,15})-\d{1,15}$/.exec(request.headers["content-range"] ?? "")?.[1];
  await upload.append(request, from === undefined ? undefined : Number(from));
}

async function endUpload(call: Call, service: string, upload: Upload, url: URL): Promise<void> {
  const digest = url.searchParams.get("digest") ?? "";
  if (!digestForm.test(digest))
    throw new DistributionFault(400, "DIGEST_INVALID", "Expected a sha256 digest.");
  await continueUpload(call, upload);
  await upload.commit(call.store, digest);
  tellBlob(call.response, service, digest);
}

function tellUpload(response: ServerResponse, status: number, service: string, { id, bytes }: Upload): void {
  const location = `/v2/${service}/blobs/uploads/${id}`;
  end(response, status, { location, range: `0-${Math.max(0, bytes - 1)}`, "docker-upload-uuid": id });
}

function tellBlob(response: ServerResponse, service: string, digest: string): void {
  end(response, 201, { location: `/v2/${service}/blobs/${digest}`, "docker-content-digest": digest });
}

async function sendReferrers({ store, response }: Call, digest: string): Promise<void> {
  if (!digestForm.test(digest))
    throw new DistributionFault(400, "DIGEST_INVALID", "Expected a sha256 digest.");
  const manifests = await referrersOf(store, digest);
  json(response, 200, { schemaVersion: 2, mediaType: mediaTypes.index, manifests }, mediaTypes.index);
}

function json(response: ServerResponse, status: number, value: object, type = "application/json"): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function end(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, "content-length": 0 });
  response.end();
}

/** What the client still sends is not read: the connection ends with this answer. */
function refuse(response: ServerResponse, { status, code, message }: DistributionFault): void {
  if (response.headersSent) return void response.destroy();
  response.setHeader("connection", "close");
  json(response, status, { errors: [{ code, message }] });
}
