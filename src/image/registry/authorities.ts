import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { namesIn } from "../../lib/files/temporary.ts";

/** Where Docker, Podman and skopeo look (containers-certs.d(5)). */
const usualFolders = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

let known: readonly string[] | undefined;

/**
 * The certificates, in PEM, of authorities that may certify a registry: the usual ones, the machine's, and the ones in
 * `HOST:PORT/*.crt` in these folders.
 */
export function authoritiesFor(
  { certificates = usualFolders }: { readonly certificates?: readonly string[] },
  host: string,
): string[] {
  known ??= [...getCACertificates("default"), ...getCACertificates("system")];
  const own = certificates.flatMap((folder) => {
    const files = namesIn(join(folder, host)).filter((name) => name.endsWith(".crt"));
    return files.map((name) => readFileSync(join(folder, host, name), "utf8"));
  });
  return [...known, ...own];
}
