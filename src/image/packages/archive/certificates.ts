import { createHash } from "node:crypto";
import { type PackageDraft, putFile, putLink, readEntry } from "./draft.ts";

const folder = "usr/share/ca-certificates/";

/**
 * The trusted certificates, as update-ca-certificates(8) and ca-certificates-java would make them: one bundle for
 * OpenSSL, GnuTLS and curl, and Java's store where there is a Java.
 */
export function addCertificates(draft: PackageDraft): void {
  const paths = [...draft.tree.keys()]
    .filter((path) => path.startsWith(folder) && path.endsWith(".crt"))
    .sort();
  if (paths.length === 0) return;
  const certificates = paths.map((path) => ({ path, pem: readEntry(draft.tree, path)?.toString() ?? "" }));
  const list = certificates.map(({ path }) => `${path.slice(folder.length)}\n`).join("");
  const bundle = certificates.map(({ pem }) => (pem.endsWith("\n") ? pem : `${pem}\n`)).join("");
  putFile(draft, "etc/ca-certificates.conf", list, { mode: 0o644 });
  putFile(draft, "etc/ssl/certs/ca-certificates.crt", bundle, { mode: 0o644 });
  if (!draft.tree.has("usr/lib/ssl/cert.pem"))
    putLink(draft, "usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt");
  for (const { path } of certificates) {
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.crt$/, ".pem");
    putLink(draft, `etc/ssl/certs/${name}`, `/${path}`);
  }
  if ([...draft.tree.keys()].some((path) => path.startsWith("usr/lib/jvm/")))
    addJavaStore(draft, certificates);
}

interface Certificate {
  readonly path: string;
  readonly pem: string;
}

/** The time of every entry of Java's store: it must not depend on the clock. */
const storeTime = 0n;

/**
 * A Java key store of type JKS with trusted certificates alone, in the format of OpenJDK's JavaKeyStore.java: header,
 * entries, and SHA-1 over password, "Mighty Aphrodite" and all before. `changeit` is Debian's and OpenJDK's default.
 */
export function javaStore(certificates: readonly { readonly alias: string; readonly der: Buffer }[]): Buffer {
  const entries = certificates.flatMap(({ alias, der }) => [
    int(2),
    text(alias),
    time(storeTime),
    text("X.509"),
    int(der.length),
    der,
  ]);
  const store = Buffer.concat([int(0xfeedfeed), int(2), int(certificates.length), ...entries]);
  const password = Buffer.from("changeit", "utf16le").swap16();
  const digest = createHash("sha1").update(password).update("Mighty Aphrodite").update(store).digest();
  return Buffer.concat([store, digest]);
}

function addJavaStore(draft: PackageDraft, certificates: readonly Certificate[]): void {
  const entries = certificates.map(({ path, pem }) => ({
    alias: `debian:${path
      .slice(path.lastIndexOf("/") + 1)
      .replace(/\.crt$/, ".pem")
      .toLowerCase()}`,
    der: Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64"),
  }));
  putFile(draft, "etc/ssl/certs/java/cacerts", javaStore(entries), { mode: 0o644 });
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

function time(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}

/** DataOutput.writeUTF: two bytes of length, then the bytes. Aliases are file names without NUL, so plain UTF-8 will do. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
