import { checkpointAfter } from "../../audit/cadence.ts";
import type { ChainFinding } from "../../audit/chain-check.ts";
import { readKeptCheckpoint } from "../../audit/checkpoint.ts";
import type { KilnEvent } from "../../domain/event.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { askerOf } from "../asker.ts";
import type { Operations, Trouble } from "../operations.ts";
import { createSigner, type SignerParts } from "./signer.ts";

/** How often Kiln looks whether another program has changed the database, and whether a checkpoint is due. */
const lookMs = 10_000;
/** What is looked at again at every start; `kiln audit verify` looks at all. */
const tailEvents = 1_000;
/** How long `kiln status` reports a change by others; the log keeps it forever. */
const rememberedMs = 7 * 24 * 3_600_000;

export interface AuditorOptions extends SignerParts {
  readonly log: Logger;
}

/** Vouches for the event log with signed checkpoints, and notices when others have changed it. */
export interface Auditor
  extends Pick<Operations, "audit" | "acceptBreaks" | "checkpoint" | "rotateAuditKey"> {
  /** Signs what has happened since the last checkpoint. */
  close(): Promise<void>;
}

/** Looks at the end of the log, makes the key if need be, and continues by itself until closed. Never throws. */
export function startAuditor(options: AuditorOptions): Auditor {
  const { store, clock, log } = options;
  const signer = createSigner(options);
  const stop = new AbortController();
  let keyTrouble: Trouble | undefined;

  /** What fails is reported, and tried again. */
  function attempt(work: () => void): void {
    try {
      work();
      keyTrouble = undefined;
    } catch (error) {
      const { code, message, hint } = toKilnError(error);
      if (keyTrouble?.message !== message) log.warn({ code, message }, "the event log could not be signed");
      keyTrouble = { message, hint, sinceMs: keyTrouble?.sinceMs ?? clock.now() };
    }
  }

  function look(): void {
    store.log.look();
    if (isDue()) signer.checkpoint();
    else if (keyTrouble !== undefined) signer.ready();
  }

  function isDue(): boolean {
    const signed = store.log.newest("audit.checkpoint")?.sequence ?? 0;
    const open = store.log.end().sequence - signed;
    if (open === 0) return false;
    // From then on a missing file is one that was removed.
    if (signed === 0) return true;
    const [oldest] = store.events({ after: signed, limit: 1 });
    const sinceMs = Math.abs(clock.now() - (oldest?.atMs ?? 0)); // below 0 on a clock that was set back
    return open >= checkpointAfter.events || sinceMs >= checkpointAfter.ms;
  }

  async function goOn(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(lookMs, stop.signal).catch(() => {});
      if (!stop.signal.aborted) attempt(look);
    }
  }

  attempt(() => {
    lookBack(options);
    signer.ready();
  });
  const going = goOn();

  return {
    audit: async () => {
      const broken = [store.log.newest("audit.broken"), store.log.newest("audit.touched")];
      const accepted = acceptedUpTo(store);
      const troubles = broken.flatMap((event) => troubleOf(event, accepted, clock.now()));
      const key = signer.announced();
      return {
        entries: store.log.end().sequence,
        checkpoint: signer.last(),
        key: key && { keyId: key.keyId, publicKey: key.publicKey },
        troubles: [...troubles, ...(keyTrouble === undefined ? [] : [keyTrouble])],
      };
    },
    checkpoint: async () => signer.checkpoint(),
    acceptBreaks: async ({ first, ...request }, { actor }) =>
      signer.accept({ ...request, actor, ...(first === undefined ? {} : { first }) }),
    rotateAuditKey: async (asked, who) => {
      const key = signer.rotate(askerOf(asked, who));
      keyTrouble = undefined;
      return key;
    },
    close: async () => {
      stop.abort();
      await going;
      attempt(signer.checkpoint);
    },
  };
}

/** What was done while no controller ran: the end of the log is checked, and compared with the kept checkpoint. */
function lookBack({ store, checkpointPath }: AuditorOptions): void {
  const kept = readKeptCheckpoint(checkpointPath);
  const checkpoints = kept === undefined || kept === "altered" ? [] : [kept];
  const { open } = store.log.checkTail(tailEvents, checkpoints);
  for (const checkpoint of checkpoints) store.log.expect(checkpoint);
  store.log.look();
  if (checkpoints.length === 0 && store.log.newest("audit.checkpoint") !== undefined)
    tellOfCheckpoint(store, checkpointPath, kept === "altered" ? "altered" : "taken away");
  const isTold = whatIsTold(store);
  const fresh = open.filter((finding) => !isTold(finding));
  const [first] = fresh;
  if (first === undefined) return;
  const { sequence, digest } = store.log.end();
  store.appendEvent({
    service: undefined,
    kind: "audit.broken",
    message: `The event log was changed while no controller ran. Entry ${first.sequence}: ${first.message}`,
    data: { sequence, digest, first: first.sequence, found: fresh.map(({ id }) => id) },
  });
}

/**
 * Whether the log already records a finding. What was noticed while a controller ran is known by its place alone, until a person
 * accepts it: then all that was found there is.
 */
function whatIsTold(store: AuditorOptions["store"]): (finding: ChainFinding) => boolean {
  const told = store.log.all("audit.broken");
  const ids = new Set(told.flatMap(({ data: { found } }) => (Array.isArray(found) ? found : [])));
  const accepted = acceptedUpTo(store);
  const places = told.filter(({ sequence, data: { found } }) => found === undefined && sequence > accepted);
  const firsts = new Set(places.map(({ data: { first } }) => first));
  return ({ fault, id, sequence }) => fault === "told" || ids.has(id) || firsts.has(sequence);
}

/** Up to this entry a person has accepted what the log reports of itself. */
function acceptedUpTo(store: AuditorOptions["store"]): number {
  const newest = store.log.newest("audit.accepted");
  // A forged one says what it likes, but nothing of the entry that reports it.
  return newest === undefined ? 0 : Math.min(Number(newest.data.upTo), newest.sequence);
}

/** Without it an end that was cut off cannot be seen from here. */
function tellOfCheckpoint(store: AuditorOptions["store"], path: string, what: string): void {
  const message = `The checkpoint ${path} was ${what} while no controller ran: compare the log with one kept elsewhere.`;
  store.appendEvent({ service: undefined, kind: "audit.touched", message, data: {} });
}

function troubleOf(event: KilnEvent | undefined, accepted: number, nowMs: number): readonly Trouble[] {
  if (event === undefined || event.sequence <= accepted || nowMs - event.atMs > rememberedMs) return [];
  const hint =
    "`kiln audit verify` names the first altered entry; docs/audit.md says what to do then. `kiln audit accept` records that the problem is known.";
  return [{ message: event.message, hint, sinceMs: event.atMs }];
}
