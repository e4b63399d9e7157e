import type { IncomingMessage } from "node:http";
import { statedHeader } from "../api/contract/contract.ts";
import type { ContractEntry } from "../api/contract/entry.ts";
import type { Guard, OpenStream, RequestCaller } from "../api/contract/guard.ts";
import {
  type Grant,
  grantFor,
  grantForAll,
  grantForImages,
  type Need,
  partsOf,
} from "../domain/access/access.ts";
import type { Actor } from "../domain/access/actor.ts";
import type { AccessToken } from "../domain/access/identity.ts";
import type { AllowedPlaces } from "../domain/access/places.ts";
import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import { clientOf, plainAddress } from "../lib/net/addresses.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { Store } from "../store/store.ts";
import { Budget } from "./budget.ts";
import { isSameDigest, parseCredential } from "./credential.ts";
import { Denials } from "./denials.ts";
import { requireAllowed } from "./places.ts";
import type { Revocations } from "./revocations.ts";
import { forbidden, mayOverride, mayUse, type Owners } from "./rights.ts";

/** Requests without a valid token, and attempts to get one, for each address and minute; requests and open streams for each token. */
const mostFailures = 10;
const mostAttempts = 30;
const mostRequests = 3_000;
const mostStreams = 50;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export interface GuardParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly revocations: Revocations;
  readonly allowed: () => AllowedPlaces;
}

/** Someone with a token that counts. */
interface Known {
  readonly actor: Actor;
  readonly token: string;
  readonly grants: readonly Grant[];
  readonly expiresAtMs: number;
}

/** Decides about every request over the network: who asks, how often, and whether the grants of the token give the right. */
export class RemoteGuard implements Guard {
  readonly #parts: GuardParts;
  readonly #failures: Budget;
  readonly #attempts: Budget;
  readonly #requests: Budget;
  readonly #denials: Denials;
  readonly #streams = new Map<string, number>();

  constructor(parts: GuardParts) {
    this.#parts = parts;
    this.#failures = new Budget(mostFailures, minuteMs, parts.clock);
    this.#attempts = new Budget(mostAttempts, minuteMs, parts.clock);
    this.#requests = new Budget(mostRequests, minuteMs, parts.clock);
    this.#denials = new Denials((event) => parts.store.appendEvent(event), parts.clock);
  }

  serves(need: Need): boolean {
    return need !== "local";
  }

  admit(request: IncomingMessage, need: Need): RequestCaller {
    const address = plainAddress(request.socket.remoteAddress ?? "");
    if (need === "public") return this.#stranger(address);
    const known = this.#identify(request, address);
    if (!this.#requests.take(known.token))
      throw tooMany("This token has sent more than 3,000 requests within a minute.");
    if (need !== "self" && need !== "local") this.#requireAll(known, partsOf(need), address);
    return this.#caller(known, address, request);
  }

  /** Throws `unauthenticated`, or `rate_limited` for an address that has failed too often. A token that counts is never held up by others. */
  #identify(request: IncomingMessage, address: string): Known {
    const [, text = ""] = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(request.headers.authorization ?? "") ?? [];
    const { store, clock } = this.#parts;
    const parsed = parseCredential(text);
    const token = parsed === undefined ? undefined : store.access.token(parsed.id);
    if (parsed === undefined || token === undefined || !isSameDigest(token.digest, parsed.digest)) {
      throw this.#refuse(
        address,
        "The request has no token that this controller knows.",
        "Log in with `kiln login`.",
      );
    }
    this.#requireAlive(token, address);
    const { lastUse } = token;
    const hour = Math.floor(clock.now() / hourMs) * hourMs;
    if (lastUse?.atMs !== hour || lastUse.address !== address) store.access.touch(token.id, hour, address);
    const actor = actorFor(token, address, request.headers[statedHeader]);
    return { actor, token: token.id, grants: token.grants, expiresAtMs: token.expiresAtMs };
  }

  #requireAlive({ id, name, revoked, expiresAtMs }: AccessToken, address: string): void {
    const whose = `The token ${id} of ${name}`;
    if (revoked !== undefined) throw this.#refuse(address, `${whose} was revoked.`, "Ask for a new invite.");
    if (expiresAtMs <= this.#parts.clock.now())
      throw this.#refuse(address, `${whose} has expired.`, "Ask for a new invite, and log in again.");
  }

  #refuse(address: string, message: string, hint: string): KilnError {
    this.#denials.note({ key: "", address, message: `${message.slice(0, -1)} (from ${address}).` });
    if (!this.#failures.take(clientOf(address)))
      return tooMany("Too many requests from this address had no valid token.");
    return new KilnError("unauthenticated", message, { hint });
  }

  /** What concerns no single service is decided at once, before there is an argument. */
  #requireAll(known: Known, { right, subject }: ReturnType<typeof partsOf>, address: string): void {
    if (subject !== "installation" || grantForAll(known.grants, right) !== undefined) return;
    throw this.#deny(known, address, forbidden(known.grants, right, undefined));
  }

  #deny({ actor: { name } }: Known, address: string, error: KilnError): KilnError {
    const message = `${name} was refused: ${error.message}`;
    this.#denials.note({ key: name, address, message, data: { name } });
    return error;
  }

  /** For operations that bring their own proof. */
  #stranger(address: string): RequestCaller {
    if (!this.#attempts.take(clientOf(address))) throw tooMany("Too many attempts from this address.");
    const actor: Actor = { via: "token", kind: "user", name: "someone without a token", token: "", address };
    return {
      actor: async () => actor,
      requireMay: async () => {},
      requireMayExchange: () => {
        throw new KilnError("unauthenticated", "Images need a token.");
      },
      sees: () => false,
      openStream: () => {
        throw new KilnError("unauthenticated", "Streams need a token.");
      },
    };
  }

  #caller(known: Known, address: string, request: IncomingMessage): RequestCaller {
    const { owners, allowed, store } = this.#parts;
    const { grants } = known;
    return {
      actor: async () => known.actor,
      requireMay: async (entry, asked) => {
        const refusal = (await mayUse(grants, entry, asked, owners)) ?? mayOverride(grants, asked);
        if (refusal !== undefined) throw this.#deny(known, address, refusal);
        requireAllowed(asked, allowed());
        // the body may have come long after the headers
        const token = store.access.token(known.token);
        if (token !== undefined) this.#requireAlive(token, address);
      },
      requireMayExchange: (method, path) => {
        const refusal = mayExchange(grants, method, path);
        if (refusal !== undefined) throw this.#deny(known, address, refusal);
        this.#endWithToken(request, known);
      },
      sees: (entry, item) => sees(grants, entry, item),
      openStream: () => this.#openStream(known),
    };
  }

  /** The blob of an image may be on its way for an hour. */
  #endWithToken(request: IncomingMessage, { token, expiresAtMs }: Known): void {
    const { revocations, clock } = this.#parts;
    const watch = revocations.watch(token, expiresAtMs - clock.now());
    watch.signal.addEventListener("abort", () => request.destroy(), { once: true });
    request.once("close", () => watch[Symbol.dispose]());
  }

  #openStream({ token, expiresAtMs }: Known): OpenStream {
    const open = this.#streams.get(token) ?? 0;
    if (open >= mostStreams) throw tooMany(`This token has ${mostStreams} open streams.`);
    this.#streams.set(token, open + 1);
    const { revocations, clock } = this.#parts;
    const watch = revocations.watch(token, expiresAtMs - clock.now());
    return {
      ended: watch.signal,
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        const left = (this.#streams.get(token) ?? 1) - 1;
        if (left === 0) this.#streams.delete(token);
        else this.#streams.set(token, left);
      },
    };
  }
}

interface Whose {
  readonly id: string;
  readonly kind: "user" | "ci";
  readonly name: string;
  readonly run: Extract<Actor, { via: "token" }>["run"];
}

const statedForm = /^[^\p{Cc}]{1,200}$/u;

function actorFor({ id, kind, name, run }: Whose, address: string, header: unknown): Actor {
  const stated = typeof header === "string" ? decoded(header) : undefined;
  return {
    ...{ via: "token", kind, name, token: id, address },
    ...(run === undefined ? {} : { run }),
    ...(stated === undefined || !statedForm.test(stated) ? {} : { stated }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function sees(grants: readonly Grant[], entry: ContractEntry, item: unknown): boolean {
  const { needs } = entry;
  if (needs === "local" || needs === "public" || needs === "self") return true;
  const { right, subject } = partsOf(needs);
  if (subject !== "services" && subject !== "repositories") return true;
  if (grantForAll(grants, right) !== undefined) return true;
  const { service } = item as { readonly service?: ServiceKey };
  if (service === undefined) return false;
  return (subject === "services" ? grantFor : grantForImages)(grants, right, service) !== undefined;
}

/**
 * A push needs the right to deploy the service of its name. What a digest names belongs to no service, because all share one store: only someone
 * who may view everything reads it. The path is understood as the exchange itself understands it.
 */
export function mayExchange(grants: readonly Grant[], method: string, url: string): KilnError | undefined {
  const { pathname } = new URL(url, "http://controller");
  const [, service, rest = ""] = /^\/v2\/([a-z][a-z0-9-]{0,31})\/(.*)$/.exec(pathname) ?? [];
  if (service === undefined) return undefined; // the version check of the protocol, or no such repository
  const namesDigest = /^(manifests|blobs|referrers)\/sha256(:|%3A)/i.test(rest);
  if (method === "GET" && namesDigest) {
    return grantForAll(grants, "view") === undefined ? forbidden(grants, "view", undefined) : undefined;
  }
  const right = method === "GET" || method === "HEAD" ? "view" : "deploy";
  return grantForImages(grants, right, service) === undefined ? forbidden(grants, right, service) : undefined;
}

function tooMany(message: string): KilnError {
  return new KilnError("rate_limited", message, {
    hint: "Wait a minute, then repeat the command.",
    retry: true,
  });
}
