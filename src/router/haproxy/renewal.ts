import assert from "node:assert";
import { join } from "node:path";
import type { ServiceWarning } from "../../domain/observation.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { issuer, type WantedCertificate } from "../acme/issuer.ts";
import {
  assertServes,
  type Certificate,
  type CertificatePlace,
  certificateMark,
  readCertificate,
} from "../certificate.ts";
import { previewedBy } from "../preview-key.ts";
import type { RoutedService } from "../router.ts";
import { type CertificateContext, storeCertificate, storedCertificate } from "./config/certificates.ts";
import { certificateFile, type TlsFrontend, tlsFrontends } from "./config/tls-config.ts";
import { ask } from "./process/socket.ts";

/** A renewal writes two files, perhaps in several steps: Kiln reads changed files when they have been still for so long. */
const stillMs = 1000;
/** A command and its payload must fit into one buffer of HAProxy (`tune.bufsize`, 16 KiB). */
const longestPayload = 15_000;
const dayMs = 24 * 3_600_000;

/**
 * Takes over what was renewed, without a reload where HAProxy can take it by its socket. `tooLarge`: a certificate is in
 * place that it can't, and a reload is needed.
 */
export type Renewal = (
  services: readonly RoutedService[],
  context: CertificateContext,
) => Promise<{ readonly warnings: readonly ServiceWarning[]; readonly tooLarge: boolean }>;

/** What was found in a pair of files, as long as they do not change. Speed only: a new controller looks again. */
interface Look extends Taken {
  readonly signature: string;
  readonly sinceMs: number;
}

interface Taken {
  /** Undefined until the files have been still. */
  readonly found: Certificate | KilnError | undefined;
  /** It is in place, but only a reload can bring it to HAProxy. */
  readonly tooLarge: boolean;
}

export function renewal(): Renewal {
  const looks = new Map<string, Look>();
  const look = issuer();
  return async (services, context) => {
    const frontends = tlsFrontends(services, context.paths);
    const ordered = await look(wantedOf(frontends), { ...context, folder: context.paths.acme });
    const pairs = Map.groupBy(frontends, ({ tls }) => certificateFile(tls));
    for (const file of looks.keys()) if (!pairs.has(file)) looks.delete(file);
    let tooLarge = false;
    for (const [file, frontends] of pairs) {
      const found = await lookAgain(frontends, looks.get(file), context);
      looks.set(file, found);
      tooLarge ||= found.tooLarge;
    }
    const nowMs = context.clock.now();
    const warnings = [...pairs].flatMap(([file, frontends]) =>
      frontends.flatMap((frontend) => warningsOf(frontend, looks.get(file)?.found, nowMs)),
    );
    return { warnings: [...ordered, ...warnings], tooLarge };
  };
}

/** One certificate for all that a service asks for, also while a rollout changes it. A preview has its service's. */
function wantedOf(frontends: readonly TlsFrontend[]): readonly WantedCertificate[] {
  const issued = frontends.filter(({ service, tls }) => "acme" in tls && previewedBy(service) === undefined);
  return [...Map.groupBy(issued, ({ service }) => service)].flatMap(([service, those]) => {
    const acme = those.flatMap(({ tls }) => ("acme" in tls && tls.acme ? [tls.acme] : [])).at(-1);
    return acme === undefined
      ? []
      : [{ service, hosts: [...new Set(those.flatMap(({ hosts }) => hosts))], acme }];
  });
}

async function lookAgain(
  frontends: readonly TlsFrontend[],
  before: Look | undefined,
  context: CertificateContext,
): Promise<Look> {
  const [first] = frontends;
  assert(first, "a pair of files belongs to a frontend");
  const nowMs = context.clock.elapsed();
  const signature = await certificateMark(first.tls, context.secret);
  if (before?.signature !== signature)
    return { signature, sinceMs: nowMs, found: undefined, tooLarge: false };
  if (before.found !== undefined || nowMs - before.sinceMs < stillMs) return { ...before, tooLarge: false };
  const found = await usable(first.tls, frontends, context);
  return { ...before, ...(await takeOver(first.tls, found, context)) };
}

async function usable(
  tls: CertificatePlace,
  frontends: readonly TlsFrontend[],
  { clock, log, secret }: CertificateContext,
): Promise<Certificate | KilnError> {
  try {
    const certificate = await readCertificate(tls, secret);
    for (const { hosts } of frontends) assertServes(certificate, hosts, clock.now());
    return certificate;
  } catch (error) {
    const { code, message } = toKilnError(error);
    log.warn({ code }, `${message} The router continues with the certificate that it has.`);
    return toKilnError(error);
  }
}

async function takeOver(
  tls: CertificatePlace,
  found: Certificate | KilnError,
  context: CertificateContext,
): Promise<Taken> {
  if (found instanceof KilnError) return { found, tooLarge: false };
  if (found.pem === (await storedCertificate(tls, context))) return { found, tooLarge: false };
  const tooLarge = found.pem.length > longestPayload;
  const refusal = tooLarge ? undefined : await hand(tls, found, context);
  if (refusal !== undefined) return { found: refusal, tooLarge: false };
  // After HAProxy's confirmation: after a crash in between the certificate is only handed over once more.
  await storeCertificate(tls, found, context);
  const until = new Date(found.toMs).toISOString();
  context.log.info({ certificate: found.path, until }, "renewed a certificate");
  return { found, tooLarge };
}

/**
 * Gives HAProxy another certificate in place of the one that it loaded from this file; returns why it refuses. Throws
 * `router_failed` when HAProxy does not answer.
 */
async function hand(
  tls: CertificatePlace,
  { pem, path }: Certificate,
  { paths, log, signal }: CertificateContext,
): Promise<KilnError | undefined> {
  const name = join(paths.certificates, certificateFile(tls)).replaceAll(/[\\ ]/g, "\\$&");
  const given = await ask(paths.runtimeSocket, [`set ssl cert ${name} <<\n${pem}`], signal);
  const committed = await ask(paths.runtimeSocket, [`commit ssl cert ${name}`], signal);
  if (committed?.includes("Success!")) return undefined;
  if (committed === undefined) throw new KilnError("router_failed", "HAProxy has ended.", { retry: true });
  await ask(paths.runtimeSocket, [`abort ssl cert ${name}`], signal);
  const words = `${given ?? ""}${committed ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  log.warn({ certificate: path, words: words.slice(-4) }, "HAProxy refused a renewed certificate");
  return new KilnError("router_failed", `HAProxy refused the renewed certificate ${path}.`, {
    hint: "The controller's log has HAProxy's message.",
  });
}

function warningsOf(frontend: TlsFrontend, found: Look["found"], nowMs: number): readonly ServiceWarning[] {
  if (found === undefined) return [];
  const { service, hosts, tls } = frontend;
  if ("acme" in tls) return []; // the issuer has said it
  if (found instanceof KilnError) {
    const hint =
      `${found.hint ?? ""} Until then the router continues with the certificate that it has.`.trim();
    return [{ service, message: found.message, hint }];
  }
  try {
    assertServes(found, hosts, nowMs);
  } catch (error) {
    const { message, hint } = toKilnError(error);
    return [{ service, message, hint }];
  }
  const leftMs = found.toMs - nowMs;
  if (leftMs > warningMs(found)) return [];
  const message = `The certificate ${found.path} expires in ${timeWords(leftMs)} and is not renewed yet.`;
  return [{ service, message, hint: "Renew it; the router takes over the new one by itself." }];
}

/** A week; for certificates that live only for days, the last fifth of their life. */
function warningMs({ fromMs, toMs }: Certificate): number {
  return Math.min(7 * dayMs, (toMs - fromMs) / 5);
}

function timeWords(ms: number): string {
  const days = Math.floor(ms / dayMs);
  return days === 0 ? "less than a day" : days === 1 ? "1 day" : `${days} days`;
}
