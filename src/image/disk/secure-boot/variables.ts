import type { X509Certificate } from "node:crypto";
import { guidBytes, guidOf } from "../guid.ts";
import type { BootKey } from "./boot-key.ts";
import { signDetached } from "./signed-data.ts";

/** Lists of certificates that firmware keeps: who may change the second, who may change the third, and what may start. */
export const variableNames = ["PK", "KEK", "db"] as const;
export type VariableName = (typeof variableNames)[number];

/** EFI_GLOBAL_VARIABLE, and EFI_IMAGE_SECURITY_DATABASE_GUID (UEFI specification 2.10, sections 3.3 and 32.6.1). */
const vendors: Readonly<Record<VariableName, string>> = {
  PK: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  KEK: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  db: "d719b2cb-3d3a-4596-a3bc-dad00e67656f",
};
const certificateList = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"; // EFI_CERT_X509_GUID
const pkcs7 = "4aafd29d-68df-49ee-8aa9-347d375665a7"; // EFI_CERT_TYPE_PKCS7_GUID
/** Kept, for firmware and the system, changed by a signature that has a time: the attributes 1, 2, 4 and 32. */
const attributes = 0x27;
/** WIN_CERT_TYPE_EFI_GUID, version 2. */
const signatureKind = 0x0ef1;
const signatureVersion = 0x0200;
const guidSize = 16;

/** `EFI_SIGNATURE_LIST`s, one for each certificate (UEFI specification 2.10, section 32.4.1): a file `.esl`. */
export function signatureLists(certificates: readonly X509Certificate[]): Buffer {
  return Buffer.concat(
    certificates.flatMap(({ raw }) => {
      const size = guidSize + raw.length;
      const head = Buffer.alloc(12);
      head.writeUInt32LE(guidSize + head.length + size, 0);
      head.writeUInt32LE(size, 8);
      return [guidBytes(certificateList), head, guidOf(raw), raw]; // the owner is a GUID of any kind
    }),
  );
}

/**
 * What firmware takes as the new content of a variable (`EFI_VARIABLE_AUTHENTICATION_2` and the content, section 8.2.2): a file `.auth`. Its time is when the newest
 * certificate begins to be valid: firmware takes only what is newer than what it has, and the same certificates give the same bytes.
 */
export function signedVariable(
  name: VariableName,
  certificates: readonly X509Certificate[],
  by: BootKey,
): Buffer {
  const lists = signatureLists(certificates);
  const time = timeBytes(Math.max(...certificates.map(({ validFromDate }) => validFromDate.getTime())));
  const kind = Buffer.alloc(4);
  kind.writeUInt32LE(attributes);
  const about = [Buffer.from(name, "utf16le"), guidBytes(vendors[name]), kind, time, lists];
  const signature = signDetached(Buffer.concat(about), by);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(head.length + guidSize + signature.length, 0);
  head.writeUInt16LE(signatureVersion, 4);
  head.writeUInt16LE(signatureKind, 6);
  return Buffer.concat([time, head, guidBytes(pkcs7), signature, lists]);
}

/** `EFI_TIME` in UTC. */
function timeBytes(ms: number): Buffer {
  const date = new Date(ms);
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(date.getUTCFullYear(), 0);
  const fields = [
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  bytes.set(fields, 2);
  return bytes;
}
