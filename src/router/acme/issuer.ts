import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { AcmeSpec } from "../../domain/spec/traffic-spec.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { type Certificate, certificateIn, readAuthority } from "../certificate.ts";
import { ensureAccountKey } from "./account.ts";
import { findHook } from "./dns-hook.ts";
import { type IssueRecord, isOwn, mayTry, noRecord, pauseMs, whyDue } from "./due.ts";
import { order, placeholder } from "./order.ts";

/** A certificate that an authority issues and renews by ACME (RFC 8555). */
export interface WantedCertificate {
  readonly service: ServiceKey;
  /** Each is named by the certificate. */
  readonly hosts: readonly string[];
  readonly acme: AcmeSpec;
}

export interface IssuerContext {
  /** Account, certificates with their keys, and records; outlives the router, because authorities count what they issue. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The file with the chain and the key of a service. */
export function issuedFile(folder: string, service: ServiceKey): string {
  return join(folder, `${service}.pem`);
}

/** Makes sure that there is something to open the port with. */
export async function prepare(
  { service, hosts }: Omit<WantedCertificate, "acme">,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await ensureAccountKey(folder);
  const file = issuedFile(folder, service);
  if ((await readTextIfExists(file)) !== undefined) return;
  const pem = await placeholder(hosts, signal);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, pem);
}

/**
 * Looks which certificates are due, and orders them one after the other, in the background; what comes is written into the
 * file of its service. To be called every few seconds; resolves to what is wrong with those that are not issued.
 */
export type Issuer = (
  wanted: readonly WantedCertificate[],
  context: IssuerContext,
) => Promise<readonly ServiceWarning[]>;

export function issuer(): Issuer {
  let ordering: Promise<void> | undefined;
  return async (wanted, context) => {
    const looks = await Promise.all(wanted.map((each) => look(each, context)));
    const nowMs = context.clock.now();
    const due = looks.find(({ why, record }) => why !== undefined && mayTry(record, nowMs));
    if (due !== undefined && ordering === undefined) {
      ordering = issue(due, context).finally(() => {
        ordering = undefined;
      });
    }
    return looks.flatMap((each) => warningsOf(each, nowMs));
  };
}

interface Look extends WantedCertificate {
  readonly present: Certificate | undefined;
  readonly record: IssueRecord;
  /** Why another one is needed. */
  readonly why: string | undefined;
}

async function look(wanted: WantedCertificate, { folder, clock }: IssuerContext): Promise<Look> {
  const { service, hosts, acme } = wanted;
  const file = issuedFile(folder, service);
  const [content, kept] = await Promise.all([
    readTextIfExists(file),
    readTextIfExists(recordFile(folder, service)),
  ]);
  const present = content === undefined ? undefined : usable(content, file);
  const record = recordIn(kept, JSON.stringify({ hosts, ...acme }));
  const why = whyDue(present, { hosts, directory: acme.directory, nowMs: clock.now() }, record);
  return { ...wanted, present, record, why };
}

function usable(content: string, file: string): Certificate | undefined {
  try {
    return certificateIn(content, file);
  } catch (error) {
    if (toKilnError(error).code === "certificate_invalid") return undefined;
    throw error;
  }
}

/** What failed with another order says nothing of this one. */
function recordIn(kept: string | undefined, asked: string): IssueRecord {
  const record = kept === undefined ? undefined : parsed(kept);
  if (record === undefined) return { ...noRecord, asked };
  return record.asked === asked ? record : { ...noRecord, directory: record.directory, asked };
}

/** Only `keep` below writes it; what cannot be read is forgotten. */
function parsed(kept: string): IssueRecord | undefined {
  try {
    return JSON.parse(kept) as IssueRecord;
  } catch {
    return undefined;
  }
}

/** Never throws: the next look says what was wrong, and tries again. */
async function issue({ service, hosts, acme, record, why }: Look, context: IssuerContext): Promise<void> {
  const { folder, clock, log } = context;
  const { directory, email, authority, challenge } = acme;
  try {
    log.info({ service, directory }, `ordering a certificate for ${hosts.join(", ")}: ${why}`);
    const accountKey = await ensureAccountKey(folder);
    const roots = authority === undefined ? undefined : await readAuthority(authority);
    const hook = challenge === "dns-01" ? await findHook(folder) : undefined;
    const pem = await order({ directory, email, accountKey, hosts, hook, authority: roots });
    const next = { directory, asked: record.asked, failures: 0, tryAtMs: 0 };
    assertFits(pem, { hosts, directory, nowMs: clock.now() }, next);
    await writeFileAtomic(issuedFile(folder, service), pem);
    await keep(service, next, context);
  } catch (error) {
    const { message } = toKilnError(error);
    const failures = record.failures + 1;
    log.warn({ service, directory }, message);
    const next = { ...record, failures, tryAtMs: clock.now() + pauseMs(failures), error: message };
    await keep(service, next, context).catch((error) =>
      log.error({ err: error }, "an order's record was not kept"),
    );
  }
}

/** Whatever an authority answers: what is there now is only replaced by something better. */
function assertFits(pem: string, wanted: Parameters<typeof whyDue>[1], record: IssueRecord): void {
  const why = whyDue(certificateIn(pem, "that the authority issued"), wanted, record);
  if (why === undefined) return;
  throw new KilnError("certificate_invalid", `The authority issued a certificate that does not fit: ${why}.`);
}

async function keep(service: ServiceKey, record: IssueRecord, { folder }: IssuerContext): Promise<void> {
  await writeFileAtomic(recordFile(folder, service), JSON.stringify(record));
}

function recordFile(folder: string, service: ServiceKey): string {
  return join(folder, `${service}.json`);
}

function warningsOf(
  { service, hosts, acme, present, record, why }: Look,
  nowMs: number,
): readonly ServiceWarning[] {
  if (why === undefined) return [];
  const served =
    present === undefined || isOwn(present)
      ? "clients see one that they do not trust"
      : "the present one is used";
  if (record.error === undefined) {
    return [
      {
        service,
        message: `A certificate for ${hosts.join(", ")} is being ordered: ${why}; until then ${served}.`,
        hint: "It takes a few seconds.",
      },
    ];
  }
  const minutes = Math.max(1, Math.ceil((record.tryAtMs - nowMs) / 60_000));
  return [
    {
      service,
      message: `${record.error} Until then ${served}.`,
      hint: `Kiln tries again in ${minutes} min. ${needOf(acme, hosts)}`,
    },
  ];
}

function needOf({ challenge }: AcmeSpec, [host]: readonly string[]): string {
  return challenge === "dns-01"
    ? "The authority has to see the DNS records that this installation's program adds."
    : `The authority has to reach http://${host}/ on port 80 of this machine.`;
}
