import { z } from "zod";
import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Credentials } from "./credential-helper.ts";
import { findCredentials } from "./credentials.ts";
import { Login, type Scope } from "./login.ts";
import { type Reference, referenceText } from "./reference.ts";
import {
  bytesOf,
  createSend,
  type Line,
  type RegistryAnswer,
  type RegistryRequest,
  type Send,
} from "./transport.ts";

/** The media types of manifests and indexes, of the OCI image specification and of Docker before it. */
export const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** The distribution specification asks registries to take at least this much, and few take more. */
const maxManifestBytes = 4 << 20;

/** A manifest or an index: exactly the bytes that its digest is of. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: string;
  readonly mediaType: string;
}

export interface RegistryOptions extends Line {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Who asks; the default reads the caller's files. */
  readonly credentials?: () => Promise<Credentials | undefined>;
}

/**
 * One repository of a registry, by the OCI distribution specification 1.1. Everything that it hands over is checked
 * against its digest. Its calls throw `registry_unreachable`, `registry_denied`, `registry_failed`, `image_unknown`,
 * `image_invalid`, `cancelled`.
 */
export class Registry {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly reference: Reference;
  readonly #send: Send;
  readonly #login: Login;

  constructor(reference: Reference, options: RegistryOptions) {
    this.reference = reference;
    this.clock = options.clock;
    this.signal = options.signal;
    this.#send = createSend(options);
    const find = options.credentials ?? (() => findCredentials(options.env, reference.host));
    this.#login = new Login(this.#send, find);
  }

  /** `blobs/sha256:…` as a URL of this repository. */
  urlOf(path: string): URL {
    return new URL(`/v2/${this.reference.repository}/${path}`, this.reference.origin);
  }

  /** What a tag names now, or what a digest names. */
  async manifest(tagOrDigest: string): Promise<FetchedManifest> {
    const url = this.urlOf(`manifests/${tagOrDigest}`);
    const asked = { method: "GET", url, headers: { accept: manifestTypes.join(", ") } } as const;
    const { answer, bytes } = await this.retrying(async () => {
      const given = await this.ask(asked, "pull", [200, 404]);
      return { answer: given, bytes: await bytesOf(given, maxManifestBytes) };
    });
    if (answer.status === 404) throw this.unknown(tagOrDigest);
    const digest = digestOf(bytes);
    if (tagOrDigest.startsWith("sha256:") && tagOrDigest !== digest) throw this.wrongBytes(tagOrDigest);
    const [declared = ""] = `${answer.headers["content-type"] ?? ""}`.split(";");
    return { bytes, digest, mediaType: this.#typeOf(bytes, declared.trim()) };
  }

  /** A manifest that says of itself what it is must be what the registry says. */
  #typeOf(bytes: Buffer, declared: string): string {
    const { mediaType = declared } = parsedManifest(bytes) ?? {};
    if (manifestTypes.includes(mediaType) && (mediaType === declared || declared === "application/json")) {
      return mediaType;
    }
    throw new KilnError(
      "image_invalid",
      `${referenceText(this.reference)} is of type ${declared || "(none)"}; expected the manifest of an image.`,
      { hint: "Old manifests (schema 1), pages in HTML and other things are not images that Kiln can use." },
    );
  }

  /**
   * Asks with what the registry wants to know of the asker. An answer with another status than these becomes an error,
   * which says what the registry says.
   */
  async ask(
    asked: RegistryRequest,
    right: "pull" | "push",
    accept: readonly number[] | "any",
  ): Promise<RegistryAnswer> {
    const scope: Scope = `repository:${this.reference.repository}:${right === "pull" ? "pull" : "pull,push"}`;
    const isOurs = asked.url.origin === this.reference.origin;
    const sent = isOurs ? this.#login.headerFor(scope) : undefined;
    const first = await this.#sendAs(asked, sent);
    const refused = first.status === 401 || first.status === 403;
    const header =
      refused && isOurs ? await this.#login.answerTo(first, scope, sent, this.signal) : undefined;
    if (header !== undefined) first.body.destroy();
    const answer = header === undefined ? first : await this.#sendAs(asked, header);
    if (accept === "any" || accept.includes(answer.status)) return answer;
    throw await this.#refusal(answer);
  }

  #sendAs(asked: RegistryRequest, header: string | undefined): Promise<RegistryAnswer> {
    const authorization = header === undefined ? {} : { authorization: header };
    return this.#send(
      { ...asked, headers: { "user-agent": "kiln", ...asked.headers, ...authorization } },
      this.signal,
    );
  }

  async #refusal(answer: RegistryAnswer): Promise<KilnError> {
    const words = wordsOf(await bytesOf(answer).catch(() => Buffer.alloc(0)));
    const said = words === undefined ? "" : `: ${words}`;
    const { host } = this.reference;
    const name = referenceText(this.reference);
    if (answer.status === 401 || answer.status === 403) {
      return new KilnError(
        "registry_denied",
        `${host} denies access to ${name} (status ${answer.status})${said}.`,
        {
          hint: `Log in with \`kiln registry login ${host} --username NAME\`, or correct the name: many registries answer so for one that does not exist.`,
        },
      );
    }
    const retry = answer.status === 429 || answer.status >= 500;
    return new KilnError(
      "registry_failed",
      `${answer.url.host} answers with status ${answer.status}${said}.`,
      {
        hint: retry ? "Repeat the command later." : "Check the name of the image and of the registry.",
        retry,
      },
    );
  }

  /** Again after a fault that may be over: a broken connection, an overloaded registry. */
  async retrying<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!mayPass(error) || attempt === attempts) throw error;
        await this.pause(attempt);
      }
    }
  }

  async pause(attempt: number): Promise<void> {
    try {
      await this.clock.sleep(250 * 2 ** attempt, this.signal);
    } catch (cause) {
      throw new KilnError("cancelled", "The transfer was cancelled.", { retry: true, cause });
    }
  }

  unknown(what: string): KilnError {
    return new KilnError(
      "image_unknown",
      `The registry ${this.reference.host} has no ${what} of ${this.reference.repository}.`,
      {
        hint: "Check the name and the tag. An image that was deleted there cannot be pulled again.",
      },
    );
  }

  wrongBytes(digest: string): KilnError {
    return new KilnError(
      "image_invalid",
      `The registry ${this.reference.host} sends other bytes for ${digest} than its digest promises.`,
      {
        hint: "Repeat the command. If the error stays, do not trust what stands between the registry and this machine.",
      },
    );
  }
}

export const attempts = 4;

export function mayPass(error: unknown): boolean {
  return error instanceof KilnError && error.retry && error.code !== "cancelled";
}

function parsedManifest(bytes: Buffer): { readonly mediaType?: string } | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return z.looseObject({ mediaType: z.string().exactOptional() }).safeParse(value).data;
  } catch {
    return undefined;
  }
}

/** Distribution specification, "Error Codes": JSON perhaps, and otherwise in any format. */
const errorBody = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string().optional() })).min(1),
});

function wordsOf(bytes: Buffer): string | undefined {
  try {
    const first = errorBody.parse(JSON.parse(bytes.toString())).errors[0];
    const text = first?.message || first?.code;
    return text
      ?.replaceAll(/[\p{Cc}\s]+/gu, " ")
      .slice(0, 300)
      .replace(/\.$/, "");
  } catch {
    return undefined;
  }
}
