import { createHash } from "node:crypto";
import { KilnError } from "../../../lib/errors.ts";

/** Places in a PE32+ file ("PE Format" of Microsoft, "Optional Header"). */
interface Places {
  readonly checkSum: number;
  /** The entry of the data directories that leads to signatures. */
  readonly signatures: number;
  readonly headBytes: number;
  /** In the order of the file. */
  readonly sections: readonly { readonly at: number; readonly bytes: number }[];
}

const sectionHeaderBytes = 40;
const directoryBytes = 8;
/** IMAGE_DIRECTORY_ENTRY_SECURITY. */
const signatureDirectory = 4;
/** A table of signatures begins and ends at a multiple of this. */
const unit = 8;
/** WIN_CERT_REVISION_2_0 and WIN_CERT_TYPE_PKCS_SIGNED_DATA, after the length. */
const signatureHead = [0x00, 0x02, 0x02, 0x00];

/**
 * The SHA-256 digest that a signature of the program covers: all of it but its checksum and the place of signatures ("Windows Authenticode Portable
 * Executable Signature Format", "Calculating the PE Image Hash"). Throws `image_invalid` unless it is a program for UEFI on 64-bit machines without a signature.
 */
export function programDigest(program: Buffer): Buffer {
  const { checkSum, signatures, headBytes, sections } = placesOf(program);
  const hash = createHash("sha256");
  hash.update(program.subarray(0, checkSum));
  hash.update(program.subarray(checkSum + 4, signatures));
  hash.update(program.subarray(signatures + directoryBytes, headBytes));
  let end = headBytes;
  for (const { at, bytes } of sections) {
    hash.update(program.subarray(at, at + bytes));
    end += bytes;
  }
  return hash.update(program.subarray(end)).digest();
}

/** The program with a signature (PKCS #7 in DER) at its end, where firmware looks for it. Throws as `programDigest` does. */
export function withSignature(program: Buffer, signature: Uint8Array): Buffer {
  const { signatures } = placesOf(program);
  const entry = Buffer.alloc(Math.ceil((unit + signature.length) / unit) * unit);
  entry.writeUInt32LE(entry.length, 0);
  entry.set(signatureHead, 4);
  entry.set(signature, 8);
  const signed = Buffer.concat([program, entry]);
  signed.writeUInt32LE(program.length, signatures);
  signed.writeUInt32LE(entry.length, signatures + 4);
  return signed;
}

function placesOf(program: Buffer): Places {
  const at = program.length > 0x40 && program.readUInt16LE(0) === 0x5a4d ? program.readUInt32LE(0x3c) : 0;
  const optional = at + 24;
  const isWhole = at > 0 && optional + 112 + (signatureDirectory + 1) * directoryBytes <= program.length;
  if (!isWhole || program.toString("latin1", at, at + 4) !== "PE\0\0") throw notAProgram("it has no header");
  if (program.readUInt16LE(optional) !== 0x20b) throw notAProgram("it is not for 64-bit machines");
  if (program.readUInt32LE(optional + 108) <= signatureDirectory)
    throw notAProgram("it has no place for signatures");
  const signatures = optional + 112 + signatureDirectory * directoryBytes;
  if (program.readUInt32LE(signatures + 4) > 0)
    throw new KilnError("image_invalid", "The program is signed already.", {
      hint: "Sign the unsigned one: `kiln image disk IMAGE --format uki` writes it.",
    });
  if (program.length % unit > 0) throw notAProgram(`its length is not a multiple of ${unit}`);
  const headBytes = program.readUInt32LE(optional + 60);
  const table = optional + program.readUInt16LE(at + 20);
  const count = program.readUInt16LE(at + 6);
  if (headBytes > program.length || table + count * sectionHeaderBytes > headBytes)
    throw notAProgram("its header ends too early");
  const sections = Array.from({ length: count }, (_, i) => {
    const header = table + i * sectionHeaderBytes;
    return { bytes: program.readUInt32LE(header + 16), at: program.readUInt32LE(header + 20) };
  })
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => a.at - b.at);
  let end = headBytes;
  for (const { at: start, bytes } of sections) {
    if (start !== end) throw notAProgram("its sections do not follow each other");
    end += bytes;
  }
  if (end > program.length) throw notAProgram("its end is missing");
  return { checkSum: optional + 64, signatures, headBytes, sections };
}

function notAProgram(why: string): KilnError {
  return new KilnError("image_invalid", `This is not a program that UEFI firmware starts: ${why}.`, {
    hint: "`kiln image disk IMAGE --format uki` writes one.",
  });
}
