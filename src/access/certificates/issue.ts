import { fileURLToPath } from "node:url";
import { exec } from "../../lib/process/exec.ts";

/** Both in PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly certificate: string;
}

export type Authority = KeyAndCertificate;

export interface Issue {
  /** Absent: a new one is made. */
  readonly authority: Authority | undefined;
  /** Names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly nowMs: number;
}

export interface Issued {
  readonly authority: Authority;
  readonly leaf: KeyAndCertificate;
}

const worker = fileURLToPath(new URL("issue-worker.ts", import.meta.url));
const limitMs = 60_000;

/**
 * A certificate of the authority (ECDSA P-256; ten years for an authority, 90 days for what it certifies). In a process of its own, because
 * the library for certificates takes 30 MB, once in two months.
 */
export async function issue(order: Issue): Promise<Issued> {
  const argv = [process.execPath, "--disable-warning=ExperimentalWarning", worker] as const;
  // The launcher's: what it holds this process runs as well.
  const { NODE_COMPILE_CACHE: cache } = process.env;
  const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
  const { stdout } = await exec(argv, { env, input: JSON.stringify(order), timeoutMs: limitMs });
  return JSON.parse(stdout) as Issued;
}
