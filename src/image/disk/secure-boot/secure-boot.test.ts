import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { littleStub } from "../testing.ts";
import { unifiedKernel } from "../uki.ts";
import { type BootKey, readCertificates } from "./boot-key.ts";
import { newBootKey } from "./new-keys.ts";
import { programDigest, withSignature } from "./program.ts";
import { checkSignature, signDigest } from "./signed-data.ts";
import { signatureLists, signedVariable } from "./variables.ts";

let key: BootKey;
let other: BootKey;
async function newKey(): Promise<BootKey> {
  const made = await newBootKey("db", Date.parse("2026-11-30T12:00:00Z"));
  return { privateKey: createPrivateKey(made.key), certificate: new X509Certificate(made.certificate) };
}
beforeAll(async () => {
  [key, other] = [await newKey(), await newKey()];
});

const program = unifiedKernel(littleStub(), [{ name: ".cmdline", bytes: Buffer.from("quiet") }]);

describe("a signature of a program", () => {
  test("covers all of it but its checksum and the place of signatures", () => {
    const digest = programDigest(program);
    const without = Buffer.concat([
      program.subarray(0, 0x58 + 64),
      program.subarray(0x58 + 68, 0x58 + 144),
      program.subarray(0x58 + 152),
    ]);
    expect(digest.equals(createHash("sha256").update(without).digest())).toBe(true);
  });

  test("is the same each time, and valid for this program alone", () => {
    const digest = programDigest(program);
    const signature = signDigest(digest, key);
    expect(signDigest(digest, key).equals(signature)).toBe(true);
    expect(checkSignature(signature, digest, "x").fingerprint256).toBe(key.certificate.fingerprint256);
    const another = createHash("sha256").update("another").digest();
    expect(() => checkSignature(signature, another, "x")).toThrow("of another program");
  });

  test("is not valid with one bit changed anywhere in what is signed, nor with another certificate", () => {
    const digest = programDigest(program);
    const signature = signDigest(digest, key);
    const last = Buffer.from(signature);
    last[signature.length - 1] = (last.at(-1) ?? 0) ^ 1;
    expect(() => checkSignature(last, digest, "x")).toThrow("was altered");
    const named = signDigest(digest, { ...key, certificate: other.certificate });
    expect(() => checkSignature(named, digest, "x")).toThrow("was altered");
  });

  test.each([
    ["nothing", 0],
    ["a part", 300],
    ["noise", 2000],
  ])("is not %s", (_, length) => {
    const digest = programDigest(program);
    const bytes = length === 2000 ? Buffer.alloc(length, 0x30) : signDigest(digest, key).subarray(0, length);
    expect(() => checkSignature(bytes, digest, "x")).toThrow("x is not a signature");
  });

  test("stands at the program's end, where its header leads to", () => {
    const signature = signDigest(programDigest(program), key);
    const signed = withSignature(program, signature);
    const place = 0x58 + 144;
    expect([signed.readUInt32LE(place), signed.length % 8]).toEqual([program.length, 0]);
    expect(signed.readUInt32LE(place + 4)).toBe(signed.length - program.length);
    expect(signed.subarray(program.length + 8).indexOf(signature)).toBe(0);
    expect(() => programDigest(signed)).toThrow("signed already");
  });

  test.each([
    ["text", Buffer.from("x".repeat(1000))],
    ["a part of one", program.subarray(0, program.length - 512)],
    ["one that leads out of itself", Buffer.from(program).fill(0xff, 0x3c, 0x40)],
  ])("is not made of %s", (_, bytes) => {
    expect(() => programDigest(bytes)).toThrow("not a program that UEFI firmware starts");
  });
});

describe("a variable of firmware", () => {
  test("holds certificates, each in a list of its own", () => {
    const lists = signatureLists([key.certificate, other.certificate]);
    const size = 28 + 16 + key.certificate.raw.length;
    expect([16, 20, 24].map((at) => lists.readUInt32LE(at))).toEqual([size, 0, size - 28]);
    expect(lists.indexOf(key.certificate.raw)).toBe(44);
    expect(lists.indexOf(other.certificate.raw)).toBe(size + 44);
  });

  test("has the time at which its certificate begins to be valid, and the same bytes each time", () => {
    const variable = signedVariable("db", [key.certificate], other);
    expect(variable.readUInt16LE(0)).toBe(2026);
    expect([...variable.subarray(2, 7)]).toEqual([11, 30, 12, 0, 0]);
    expect(variable.readUInt32LE(16) + 16 + signatureLists([key.certificate]).length).toBe(variable.length);
    expect(signedVariable("db", [key.certificate], other).equals(variable)).toBe(true);
    expect(signedVariable("KEK", [key.certificate], other).equals(variable)).toBe(false);
  });
});

test("only certificates of RSA in PEM are taken, all of a file", () => {
  const pem = key.certificate.toString();
  expect(readCertificates(`${pem}\n${other.certificate}`, "db.pem")).toHaveLength(2);
  for (const text of ["", "PK", pem.replace("MII", "MIX")])
    expect(() => readCertificates(text, "db.pem")).toThrow("db.pem is not a certificate in PEM");
});
