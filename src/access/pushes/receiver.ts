import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { ServiceKey } from "../../domain/ids.ts";
import type { SourceWebhook } from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import { clientOf, plainAddress } from "../../lib/net/addresses.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { Budget } from "../budget.ts";
import { Denials } from "../denials.ts";
import { ProofCheck, proofOf } from "./proof.ts";

/** GitHub sends no larger ones ("Webhook events and payloads"). */
const mostBodyBytes = 25 * 1024 * 1024;
/** Messages without proof, for each address and minute; looks for each webhook and minute: a later push is seen at the usual time. */
const mostFailures = 10;
const mostLooks = 30;
const minuteMs = 60_000;
/** Bodies that are remembered, so that one that is sent again causes no look. */
const mostRemembered = 1_000;

/** What a forge is answered. */
export interface PushAnswer {
  /** Services whose repository is looked at now. */
  readonly looking: readonly ServiceKey[];
}

/** Takes a message of a forge, for the webhook with this id. Throws `unauthenticated`, `rate_limited`, `request_too_large`, `usage`. */
export type ReceivePush = (request: IncomingMessage, id: string) => Promise<PushAnswer>;

export interface PushParts {
  readonly store: Store;
  readonly clock: Clock;
  /** Looks at the repository of this service, and of others that follow the same one; returns all of them. */
  readonly look: (service: ServiceKey) => readonly ServiceKey[];
}

/**
 * Receives what forges say about pushes. A message that has proved to come from the forge causes a look at the repository that its webhook was
 * made for, and nothing else: what it says is not read.
 */
export function createPushReceiver({ store, clock, look }: PushParts): ReceivePush {
  const { sourceWebhooks: webhooks } = store;
  const failures = new Budget(mostFailures, minuteMs, clock);
  const looks = new Budget(mostLooks, minuteMs, clock);
  const denials = new Denials((event) => store.appendEvent(event), clock);
  const seen = new Remembered(mostRemembered);
  /** A webhook that does not exist refuses as any other does, after the same work: which ones exist is not told. */
  const noOnes = randomBytes(32).toString("hex");

  function refused(address: string, webhook: SourceWebhook | undefined, why: string): KilnError {
    const about = webhook === undefined ? "an unknown webhook" : `the webhook of ${webhook.service}`;
    const message = `A message about a push to ${about} was refused: ${why} (from ${address}).`;
    denials.note({ key: "push", address, message });
    if (!failures.take(clientOf(address))) return tooMany();
    return new KilnError("unauthenticated", `The message was refused: ${why}.`, {
      hint: "Enter the URL and the secret at the forge as `kiln source webhook add` has shown them; `kiln source webhook rotate` makes another secret.",
    });
  }

  return async (request, id) => {
    const address = plainAddress(request.socket.remoteAddress ?? "");
    if (failures.isSpent(clientOf(address))) throw tooMany();
    const webhook = webhooks.find(id);
    const proof = proofOf(request.headers);
    if (proof === undefined) throw refused(address, webhook, "it has no signature and no token");
    const check = new ProofCheck(proof, webhook === undefined ? [noOnes] : webhooks.secrets(id));
    if (!check.isPossible) throw refused(address, webhook, "its token is another one");
    await readBody(request, (piece) => check.take(piece));
    const { isProved, digest } = check.end();
    if (webhook === undefined || !isProved)
      throw refused(address, webhook, "its signature is not one by the secret");
    webhooks.used(id);
    const isNew = seen.add(`${id} ${digest}`);
    return { looking: isNew && looks.take(id) ? look(webhook.service) : [] };
  };
}

async function readBody(request: IncomingMessage, take: (piece: Uint8Array) => void): Promise<void> {
  const stated = Number(request.headers["content-length"] ?? 0);
  if (stated > mostBodyBytes) throw tooLarge();
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > mostBodyBytes) throw tooLarge();
      take(piece);
    }
  } catch (cause) {
    if (cause instanceof KilnError) throw cause;
    throw new KilnError("usage", "The message ended before its body.", { cause });
  }
}

/** The newest of what it was given. */
class Remembered {
  readonly #most: number;
  readonly #known = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  /** False: it is known already. */
  add(text: string): boolean {
    if (this.#known.has(text)) return false;
    const [oldest] = this.#known;
    if (this.#known.size >= this.#most && oldest !== undefined) this.#known.delete(oldest);
    this.#known.add(text);
    return true;
  }
}

function tooMany(): KilnError {
  return new KilnError("rate_limited", "Too many messages from this address had no valid signature.", {
    hint: "Wait a minute, then let the forge send it again.",
    retry: true,
  });
}

function tooLarge(): KilnError {
  return new KilnError("request_too_large", `The message has more than ${mostBodyBytes} bytes.`);
}
