import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { AcmeSpec } from "../../domain/spec.ts";
import { toKilnError } from "../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { type Certificate, type NewestSecret, readCertificate } from "../certificate.ts";
import { ensureAccountKey } from "./account.ts";
import { type IssueRecord, isOwn, noRecord, pauseMs, whyDue } from "./due.ts";
import { order, placeholder } from "./order.ts";

/** A certificate that an authority issues and renews by ACME (RFC 8555). */
export interface Wanted {
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

/** Nothing of it is a secret of a service. */
const noSecrets: NewestSecret = () => Promise.reject(new Error("no certificate here is a secret"));

/** The file with the chain and the key of a service. */
export function issuedFile(folder: string, service: ServiceKey): string {
  return join(folder, `${service}.pem`);
}

/** Makes sure that there is something to open the port with. */
export async function prepare(
  { service, hosts }: Omit<Wanted, "acme">,
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
  wanted: readonly Wanted[],
  context: IssuerContext,
) => Promise<readonly ServiceWarning[]>;

export function issuer(): Issuer {
  let ordering: Promise<void> | undefined;
  return async (wanted, context) => {
    const looks = await Promise.all(wanted.map((each) => look(each, context)));
    const nowMs = context.clock.now();
    const due = looks.find(({ why, record }) => why !== undefined && record.tryAtMs <= nowMs);
    if (due !== undefined && ordering === undefined) {
      ordering = issue(due, context).finally(() => {
        ordering = undefined;
      });
    }
    return looks.flatMap((each) => warningsOf(each, nowMs));
  };
}

interface Look extends Wanted {
  readonly present: Certificate | undefined;
  readonly record: IssueRecord;
  /** Why another one is needed. */
  readonly why: string | undefined;
}

async function look(wanted: Wanted, { folder, clock }: IssuerContext): Promise<Look> {
  const file = issuedFile(folder, wanted.service);
  const [present, text] = await Promise.all([
    readCertificate({ certificate: file, key: file }, noSecrets).catch(() => undefined),
    readTextIfExists(recordFile(folder, wanted.service)),
  ]);
  const record = text === undefined ? noRecord : (JSON.parse(text) as IssueRecord); // only `keep` below writes it
  const { hosts, acme } = wanted;
  const why = whyDue(present, { hosts, directory: acme.directory, nowMs: clock.now() }, record);
  return { ...wanted, present, record, why };
}

/** Never throws: the next look says what was wrong, and tries again. */
async function issue({ service, hosts, acme, record, why }: Look, context: IssuerContext): Promise<void> {
  const { folder, clock, log } = context;
  const { directory, email, authority } = acme;
  try {
    log.info({ service, directory }, `ordering a certificate for ${hosts.join(", ")}: ${why}`);
    const accountKey = await ensureAccountKey(folder);
    const pem = await order({ directory, email, accountKey, hosts }, authority);
    await writeFileAtomic(issuedFile(folder, service), pem);
    await keep(service, { directory, failures: 0, tryAtMs: 0 }, context);
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

async function keep(service: ServiceKey, record: IssueRecord, { folder }: IssuerContext): Promise<void> {
  await writeFileAtomic(recordFile(folder, service), JSON.stringify(record));
}

function recordFile(folder: string, service: ServiceKey): string {
  return join(folder, `${service}.json`);
}

function warningsOf(
  { service, hosts, present, record, why }: Look,
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
      hint: `The authority has to reach http://${hosts[0]}/ on port 80 of this machine. Kiln tries again in ${minutes} min.`,
    },
  ];
}
