import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import type { Registry } from "./registry.ts";
import { type Body, requireAsSafe } from "./transport.ts";

/** A blob on this machine. */
export interface UploadBlob {
  readonly digest: string;
  readonly size: number;
  readonly path: string;
}

/** Whether the registry has a blob. */
export async function hasThere(registry: Registry, digest: string): Promise<boolean> {
  const url = registry.urlOf(`blobs/${digest}`);
  const there = await registry.ask({ method: "HEAD", url }, "push", [200, 404]);
  there.body.resume();
  return there.status === 200;
}

/** Hands a blob over unless the registry has it; true when bytes were sent. */
export async function uploadBlob(registry: Registry, blob: UploadBlob): Promise<boolean> {
  return registry.retrying(async () => {
    if (await hasThere(registry, blob.digest)) return false;
    const begun = await registry.ask(
      { method: "POST", url: registry.urlOf("blobs/uploads/") },
      "push",
      [202],
    );
    begun.body.resume();
    const session = locationOf(begun.headers.location ?? "", begun.url);
    session.searchParams.append("digest", blob.digest);
    const body: Body = { kind: "file", path: blob.path, length: blob.size };
    const headers = { "content-type": "application/octet-stream" };
    const done = await registry.ask({ method: "PUT", url: session, headers, body }, "push", [201, 204]);
    done.body.resume();
    return true;
  });
}

/** May be relative, on another host, and carry parameters that mean something to the registry (distribution specification, "POST then PUT"). */
function locationOf(location: string, base: URL): URL {
  if (!URL.canParse(location, base.href)) {
    throw new KilnError("registry_failed", `${base.host} gives no address for an upload.`);
  }
  const url = new URL(location, base);
  requireAsSafe(url, base);
  return url;
}

/**
 * Stores a manifest under a tag or under its digest: with it, the image is there. Its bytes are sent as they are. `isListed`:
 * the registry will list it as a referrer of its subject (distribution specification, "Pushing Manifests with Subject").
 */
export async function putManifest(
  registry: Registry,
  tagOrDigest: string,
  manifest: { readonly bytes: Buffer; readonly mediaType: string },
): Promise<{ readonly isListed: boolean }> {
  const url = registry.urlOf(`manifests/${tagOrDigest}`);
  const headers = { "content-type": manifest.mediaType };
  const body: Body = { kind: "bytes", bytes: manifest.bytes };
  return registry.retrying(async () => {
    const answer = await registry.ask({ method: "PUT", url, headers, body }, "push", [201]);
    answer.body.resume();
    const stored = answer.headers["docker-content-digest"];
    const digest = digestOf(manifest.bytes);
    if (`${stored}`.startsWith("sha256:") && stored !== digest) throw registry.wrongBytes(digest);
    return { isListed: answer.headers["oci-subject"] !== undefined };
  });
}
