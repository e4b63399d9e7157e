import { hash, sign, verify, X509Certificate } from "node:crypto";
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  CMSVersion,
  ContentInfo,
  DigestAlgorithmIdentifier,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignatureAlgorithmIdentifier,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from "@peculiar/asn1-cms";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
import { KilnError } from "../../../lib/errors.ts";
import type { BootKey } from "./boot-key.ts";

const oids = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  sha256: "2.16.840.1.101.3.4.2.1",
  rsa: "1.2.840.113549.1.1.1",
  /** SPC_INDIRECT_DATA_OBJID. */
  programDigest: "1.3.6.1.4.1.311.2.1.4",
};

/**
 * `SpcIndirectDataContent` ("Windows Authenticode Portable Executable Signature Format") up to a SHA-256 digest: a program of the kind PE, no flags, and
 * "<<<Obsolete>>>" in the place of its name.
 */
const contentStart = Buffer.from(
  [
    "30683033060a2b06010401823702010f3025030100a020a21e801c003c003c003c004f00620073006f006c00650074",
    "0065003e003e003e3031300d060960864801650304020105000420",
  ].join(""),
  "hex",
);
/** Of `DigestInfo`, with which the content of every maker ends. */
const digestStart = contentStart.subarray(-19);
/** What stands before a content's own bytes while it is shorter than 128 bytes. */
const shortHeadBytes = 2;
/** `oids.programDigest` in DER. */
const programDigestOid = Buffer.from("060a2b060104018237020104", "hex");
const nothing = new Uint8Array([5, 0]).buffer; // NULL

/**
 * The signature of a program with this digest: Authenticode's PKCS #7, in DER. The same key and program give the same bytes, since no time is in it and
 * RSA's padding is fixed.
 */
export function signDigest(digest: Buffer, key: BootKey): Buffer {
  const content = Buffer.concat([contentStart, digest]);
  const own = sha256(content.subarray(shortHeadBytes));
  const attributes = [
    new Attribute({ attrType: oids.contentType, attrValues: [exactly(programDigestOid)] }),
    new Attribute({
      attrType: oids.messageDigest,
      attrValues: [AsnConvert.serialize(new OctetString(own))],
    }),
  ];
  const signature = sign("sha256", setOf(attributes), key.privateKey);
  const encapContentInfo = new EncapsulatedContentInfo({
    eContentType: oids.programDigest,
    eContent: new EncapsulatedContent({ any: exactly(content) }),
  });
  const signed = signedData(key, encapContentInfo, { signature, attributes });
  return inDer(new ContentInfo({ contentType: oids.signedData, content: exactly(signed) }));
}

/** `SignedData` in DER about bytes that are elsewhere, as authenticated variables of UEFI have it (UEFI specification 2.10, section 8.2.2). */
export function signDetached(bytes: Buffer, key: BootKey): Buffer {
  const encapContentInfo = new EncapsulatedContentInfo({ eContentType: oids.data });
  return signedData(key, encapContentInfo, { signature: sign("sha256", bytes, key.privateKey) });
}

function signedData(
  { certificate }: BootKey,
  encapContentInfo: EncapsulatedContentInfo,
  { signature, attributes }: { readonly signature: Buffer; readonly attributes?: Attribute[] },
): Buffer {
  const parsed = AsnConvert.parse(certificate.raw, Certificate);
  const { issuer, serialNumber } = parsed.tbsCertificate;
  const sha256Algorithm = { algorithm: oids.sha256, parameters: nothing };
  const signer = new SignerInfo({
    version: CMSVersion.v1,
    sid: new SignerIdentifier({ issuerAndSerialNumber: new IssuerAndSerialNumber({ issuer, serialNumber }) }),
    digestAlgorithm: new DigestAlgorithmIdentifier(sha256Algorithm),
    signatureAlgorithm: new SignatureAlgorithmIdentifier({ algorithm: oids.rsa, parameters: nothing }),
    signature: new OctetString(signature),
    ...(attributes && { signedAttrs: attributes }),
  });
  const bytes = inDer(
    new SignedData({
      version: CMSVersion.v1,
      digestAlgorithms: new DigestAlgorithmIdentifiers([new DigestAlgorithmIdentifier(sha256Algorithm)]),
      encapContentInfo,
      certificates: new CertificateSet([new CertificateChoices({ certificate: parsed })]),
      signerInfos: new SignerInfos([signer]),
    }),
  );
  if (bytes.includes(certificate.raw)) return bytes;
  throw new KilnError("signing_key_invalid", "The certificate is not in the form of DER.", {
    hint: "Make another one: `kiln image boot-keys FOLDER`.",
  });
}

/**
 * The certificate by which a signature, as `signDigest` or `sbsign --detached` make it, covers a program with this digest. Throws `signature_invalid` when it is
 * not a signature, of another program, or altered. Whether the certificate is trusted, firmware decides.
 */
export function checkSignature(signature: Uint8Array, digest: Buffer, place: string): X509Certificate {
  const { encapContentInfo, certificates, signerInfos } = parsed(signature, place);
  const content = Buffer.from(encapContentInfo.eContent?.any ?? new ArrayBuffer());
  const of = encapContentInfo.eContentType;
  const start = content.subarray(-digestStart.length - digest.length, -digest.length);
  if (
    of !== oids.programDigest ||
    content[1] !== content.length - shortHeadBytes ||
    !start.equals(digestStart)
  )
    throw notASignature(place);
  if (!content.subarray(-digest.length).equals(digest))
    throw new KilnError("signature_invalid", `The signature ${place} is of another program.`, {
      hint: "The same image, options and machine/kiln.lock give the same program: `kiln image disk IMAGE --format uki` with the options of this disk writes it, `kiln image sign-disk` signs it.",
    });
  const [signer] = signerInfos;
  const own = sha256(content.subarray(shortHeadBytes));
  for (const { certificate } of certificates ?? []) {
    if (certificate === undefined || signer === undefined) continue;
    const read = new X509Certificate(inDer(certificate));
    if (isBy(signer, read, own)) return read;
  }
  throw new KilnError("signature_invalid", `The signature ${place} is not valid: it was altered.`, {
    hint: "Sign the program again: `kiln image sign-disk`.",
  });
}

function parsed(signature: Uint8Array, place: string): SignedData {
  try {
    const info = AsnConvert.parse(signature, ContentInfo);
    if (info.contentType === oids.signedData) return AsnConvert.parse(info.content, SignedData);
  } catch {
    // what follows says it
  }
  throw notASignature(place);
}

function isBy(signer: SignerInfo, { publicKey }: X509Certificate, content: Buffer): boolean {
  const attributes = signer.signedAttrs ?? [];
  const [value] = attributes.find(({ attrType }) => attrType === oids.messageDigest)?.attrValues ?? [];
  if (value === undefined || !Buffer.from(value).subarray(shortHeadBytes).equals(content)) return false;
  return (
    publicKey.asymmetricKeyType === "rsa" &&
    verify("sha256", setOf(attributes), publicKey, Buffer.from(signer.signature.buffer))
  );
}

/** What a signature covers: attributes as a set, which they are not within the message (RFC 5652, section 5.4). */
function setOf(attributes: readonly Attribute[]): Buffer {
  const bytes = Buffer.concat(attributes.map(inDer));
  const { length } = bytes;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([0x31, ...head]), bytes]);
}

function notASignature(place: string): KilnError {
  return new KilnError("signature_invalid", `${place} is not a signature of a program for UEFI.`, {
    hint: "`kiln image sign-disk` and `sbsign --detached` make one.",
  });
}

function sha256(bytes: Uint8Array): Buffer {
  return hash("sha256", bytes, "buffer");
}

function inDer(value: object): Buffer {
  return Buffer.from(AsnConvert.serialize(value));
}

/** A view of its own: the library takes all that is underneath a Buffer. */
function exactly(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
