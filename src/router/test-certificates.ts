import { join } from "node:path";
import type { TlsFiles } from "../domain/spec/traffic-spec.ts";
import { exec } from "../lib/process/exec.ts";

export interface IssueOptions {
  readonly hosts?: readonly string[];
  readonly days?: number;
  /** As `openssl req -newkey` takes it. */
  readonly newKey?: readonly string[];
}

const ellipticCurve = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/** Makes a certificate that signs itself, `NAME.crt` with `NAME.key`, in place of one that is there. For tests. */
export async function issue(
  folder: string,
  name: string,
  { hosts = ["shop.example.com"], days = 90, newKey = ellipticCurve }: IssueOptions = {},
): Promise<TlsFiles> {
  const files = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const names = hosts.map((host) => `DNS:${host}`).join(",");
  await exec([
    "openssl",
    ...["req", "-x509", "-newkey", ...newKey, "-nodes", "-days", String(days)],
    ...["-subj", `/CN=${name}`, ...(hosts.length === 0 ? [] : ["-addext", `subjectAltName=${names}`])],
    ...["-keyout", files.key, "-out", files.certificate],
  ]);
  return files;
}

/** Why certificates can't be made here; undefined when they can. */
export async function missingOpenssl(): Promise<string | undefined> {
  const found = await exec(["openssl", "version"]).catch((error: Error) => error.message);
  return typeof found === "string" ? found : undefined;
}

/** For certificates that are in files. */
export async function noSecret(): Promise<never> {
  throw new Error("no certificate here is a secret");
}
