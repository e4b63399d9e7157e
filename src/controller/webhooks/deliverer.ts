import type { KilnEvent } from "../../domain/event.ts";
import { concerns, pauseAfter, type Webhook } from "../../domain/webhook.ts";
import { toKilnError } from "../../lib/errors.ts";
import { createLock } from "../../lib/locks.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { Routine } from "../../lib/time/routine.ts";
import type { Store } from "../../store/store.ts";
import type { WebhookAccess } from "../../store/webhooks/webhooks.ts";
import { checkGitHub, tellGitHub, toldToGitHub } from "./github.ts";
import { idOf, messageOf, signed } from "./message.ts";
import type { HttpCall, Post } from "./post.ts";
import { traceMessage } from "./trace/trace-message.ts";

export interface DelivererParts {
  readonly store: Pick<Store, "webhooks" | "events" | "subscribe">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly post: Post;
  /** Names this installation among others, for receivers. */
  readonly installation: string;
}

/** Events are read so many at a time. */
const pageSize = 200;
/** How often the place of a webhook in the log is recorded while one event follows the other. After a crash, those since then are sent again. */
const recordMs = 1_000;

/**
 * Sends events to webhooks. The event log is the queue: each webhook has a place in it, so nothing is lost while a receiver is away or no
 * controller runs. A webhook receives one event after the other, in order, each at least once; none waits for another.
 */
export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #lines = new Map<string, Line>();
  readonly #subscription: Disposable;
  readonly #inTurn = createLock();
  #closed = false;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
    this.#subscription = parts.store.subscribe(() => {
      for (const line of this.#lines.values()) line.wake();
    });
    for (const { name } of parts.store.webhooks.all()) this.#begin(name);
  }

  /** Changes a webhook while nothing is sent to it; then that continues from where the store says. */
  change<Result>(name: string, work: () => Result): Promise<Result> {
    return this.#inTurn(async () => {
      await this.#lines.get(name)?.end();
      this.#lines.delete(name);
      try {
        return work();
      } finally {
        this.#begin(name);
      }
    });
  }

  /** Nothing is sent afterwards, also not because of a change that is still under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#subscription[Symbol.dispose]();
    await this.#inTurn(() => Promise.all([...this.#lines.values()].map((line) => line.end())));
  }

  /** One attempt, for an event that is not of the log. Throws `webhook_unknown`, `webhook_failed`. */
  tell(webhook: Webhook, event: KilnEvent, signal: AbortSignal): Promise<void> {
    return tell(this.#parts, { ...webhook, ...this.#parts.store.webhooks.open(webhook.name) }, event, signal);
  }

  #begin(name: string): void {
    const { webhooks } = this.#parts.store;
    if (!this.#closed && webhooks.all().some((webhook) => webhook.name === name))
      this.#lines.set(name, new Line(name, this.#parts));
  }
}

type Receiver = Pick<Webhook, "format"> & WebhookAccess;

async function tell(
  { store, clock, post, installation }: DelivererParts,
  { format, url, secrets, headers }: Receiver,
  event: KilnEvent,
  signal: AbortSignal,
): Promise<void> {
  if (format === "github-deployment") {
    const hub = { url, headers, send: (call: HttpCall) => post(call, signal) };
    const told = toldToGitHub(event, installation);
    if (told !== undefined) await tellGitHub(hub, told);
    else if (event.sequence === 0) await checkGitHub(hub);
    return;
  }
  const message =
    format === "otlp" ? traceMessage(store, event, installation) : messageOf(format, event, installation);
  const { headers: own, body } = signed(idOf(event, installation), message, secrets, clock.now());
  await post({ method: "POST", url, headers: own, secretHeaders: headers, body }, signal);
}

/** Everything that is sent to one webhook. */
class Line {
  readonly #name: string;
  readonly #parts: DelivererParts;
  readonly #routine: Routine;
  /** All events up to there are dealt with; what of it is recorded, and when that was. */
  #cursor = 0;
  #recorded = 0;
  #recordedMs = Number.NEGATIVE_INFINITY;
  #deliveredAtMs: number | undefined;
  /** As the store has it. */
  #failing: Webhook["failing"];

  constructor(name: string, parts: DelivererParts) {
    this.#name = name;
    this.#parts = parts;
    this.#routine = new Routine({
      ...{ clock: parts.clock, retryMs: pauseAfter(1) },
      turn: (signal) => this.#tellPage(signal),
      failed: (error) =>
        parts.log.warn({ webhook: name, err: toKilnError(error) }, "events cannot be sent; Kiln tries again"),
    });
  }

  wake(): void {
    this.#routine.wake();
  }

  end(): Promise<void> {
    return this.#routine.end();
  }

  /** The next events of the log, until one cannot be delivered before the line is ended. */
  async #tellPage(signal: AbortSignal): Promise<number | undefined> {
    const { store, clock } = this.#parts;
    const webhook = this.#webhook();
    if (webhook === undefined) return undefined;
    this.#cursor = webhook.cursor;
    this.#recorded = webhook.cursor;
    this.#failing = webhook.failing;
    const receiver = { ...webhook, ...store.webhooks.open(this.#name) }; // for the whole page: opening it takes as long as a message
    const events = store.events({ after: this.#cursor, limit: pageSize });
    for (const event of events) {
      if (concerns(webhook, event) && !(await this.#insist(receiver, event, signal))) break;
      this.#cursor = event.sequence;
      if (clock.elapsed() - this.#recordedMs >= recordMs) this.#record();
    }
    this.#record();
    return events.length < pageSize ? Number.POSITIVE_INFINITY : 0;
  }

  #webhook(): Webhook | undefined {
    return this.#parts.store.webhooks.all().find(({ name }) => name === this.#name);
  }

  /** Tries until the event is delivered; false when the line is ended before. */
  async #insist(receiver: Receiver, event: KilnEvent, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts;
    let to = receiver;
    while (!signal.aborted) {
      try {
        await tell(this.#parts, to, event, signal);
        this.#deliveredAtMs = clock.now();
        this.#cursor = event.sequence;
        if (this.#failing !== undefined) this.#record();
        return true;
      } catch (error) {
        if (signal.aborted) break;
        const attempts = this.#fail(event, toKilnError(error).message);
        await clock.sleep(pauseAfter(attempts), signal).catch(() => {});
        to = { ...to, ...this.#parts.store.webhooks.open(this.#name) }; // it may have another secret by then
      }
    }
    return false;
  }

  /** Records it; returns how many attempts have failed. */
  #fail({ sequence }: KilnEvent, reason: string): number {
    const { clock, store, log } = this.#parts;
    this.#record(); // it ends the failure before
    const { sinceMs, attempts: before } = this.#failing ?? { sinceMs: clock.now(), attempts: 0 };
    const attempts = before + 1;
    this.#failing = { sinceMs, attempts, reason };
    store.webhooks.failed(this.#name, this.#failing);
    log.warn({ webhook: this.#name, sequence, attempts, reason }, "an event was not delivered");
    return attempts;
  }

  /** That a webhook has come further also ends its failure. */
  #record(): void {
    if (this.#cursor === this.#recorded && this.#deliveredAtMs === undefined) return;
    this.#parts.store.webhooks.advance(this.#name, this.#cursor, this.#deliveredAtMs);
    this.#recorded = this.#cursor;
    this.#recordedMs = this.#parts.clock.elapsed();
    this.#deliveredAtMs = undefined;
    this.#failing = undefined;
  }
}
