import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { certifiedHosts } from "../../../domain/traffic/listener.ts";
import { toKilnError } from "../../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../../lib/files/files.ts";
import type { Logger } from "../../../lib/log.ts";
import { findHook } from "../../acme/dns-hook.ts";
import { prepare } from "../../acme/issuer.ts";
import {
  assertServes,
  type Certificate,
  type CertificatePlace,
  type NewestSecret,
  readAuthority,
  readCertificate,
} from "../../certificate.ts";
import { previewedBy } from "../../preview-key.ts";
import type { RoutedService } from "../../router.ts";
import type { ProcessContext } from "../process/process.ts";
import { certificateFile, certificateLists, placeOf, tlsFrontends } from "./tls-config.ts";

/**
 * HAProxy loads certificates from files in the router's own folder and never from the user's: those may be half written
 * just when it reloads. A file here is what the running HAProxy has, and only what was checked gets here.
 */
export interface CertificateContext extends ProcessContext {
  readonly log: Logger;
  readonly secret: NewestSecret;
}

/** Throws `certificate_invalid` unless clients would accept what these frontends show them. Changes nothing. */
export async function checkCertificates(
  service: RoutedService["service"],
  frontends: readonly TrafficSpec[],
  { clock, secret, paths }: CertificateContext,
): Promise<void> {
  for (const frontend of frontends) {
    if (frontend.tls === undefined) continue;
    if ("acme" in frontend.tls) {
      // The certificate itself is ordered.
      if (frontend.tls.acme.authority !== undefined) await readAuthority(frontend.tls.acme.authority);
      if (frontend.tls.acme.challenge === "dns-01") await findHook(paths.acme);
      continue;
    }
    const certificate = await readCertificate(placeOf(service, frontend.tls, paths), secret);
    assertServes(certificate, certifiedHosts(frontend), clock.now());
  }
}

/** Brings the certificates of a service here that are not here yet; throws `certificate_invalid` when one can't be used. */
export async function placeCertificates(
  service: Pick<RoutedService, "service" | "frontends">,
  context: CertificateContext,
): Promise<void> {
  for (const { service: owner, tls, hosts } of tlsFrontends([service], context.paths)) {
    const isIssued = "acme" in tls;
    if (isIssued)
      await prepare({ service: previewedBy(owner) ?? owner, hosts }, context.paths.acme, context.signal);
    if ((await readTextIfExists(pathOf(tls, context))) !== undefined) continue;
    const certificate = await readCertificate(tls, context.secret);
    // One that does not fit is used until the authority has issued the next.
    if (!isIssued) assertServes(certificate, hosts, context.clock.now());
    await storeCertificate(tls, certificate, context);
  }
}

/** The services whose certificates are here, or could be brought here. */
export async function servableCertificates(
  services: readonly RoutedService[],
  context: CertificateContext,
): Promise<readonly RoutedService[]> {
  const found = await Promise.all(
    services.map(async (service) => {
      try {
        await placeCertificates(service, context);
        return [service];
      } catch (error) {
        const { code, message } = toKilnError(error);
        context.log.warn({ service: service.service, code }, message);
        return [];
      }
    }),
  );
  return found.flat();
}

export async function storeCertificate(
  tls: CertificatePlace,
  { pem }: Certificate,
  context: CertificateContext,
): Promise<void> {
  await mkdir(context.paths.certificates, { recursive: true, mode: 0o700 });
  await writeFileAtomic(pathOf(tls, context), pem);
}

/** What is here for this pair; undefined when nothing is. */
export function storedCertificate(
  tls: CertificatePlace,
  context: CertificateContext,
): Promise<string | undefined> {
  return readTextIfExists(pathOf(tls, context));
}

export async function placeLists(
  services: readonly RoutedService[],
  context: CertificateContext,
): Promise<void> {
  for (const { file, text } of certificateLists(services, context.paths)) {
    await mkdir(context.paths.certificates, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(context.paths.certificates, file), text, { durable: false });
  }
}

/** Removes what none of these services needs, keys above all. */
export async function clearCertificates(
  services: readonly RoutedService[],
  { paths }: CertificateContext,
): Promise<void> {
  const needed = new Set([
    ...certificateLists(services, paths).map((list) => list.file),
    ...tlsFrontends(services, paths).map((frontend) => certificateFile(frontend.tls)),
  ]);
  const present = await readdir(paths.certificates).catch(() => []);
  const surplus = present.filter((file) => !needed.has(file));
  await Promise.all(surplus.map((file) => rm(join(paths.certificates, file), { force: true })));
}

function pathOf(tls: CertificatePlace, { paths }: CertificateContext): string {
  return join(paths.certificates, certificateFile(tls));
}
