import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { newCertificate } from "./certificate.ts";

test.each(["2026-11-30T07:00:00Z", "2049-12-31T23:00:00Z", "2051-01-01T00:00:00Z"])(
  "a certificate of %s is its own authority, for localhost",
  (moment) => {
    const nowMs = Date.parse(moment);
    const { key, certificate, der } = newCertificate(nowMs);
    const read = new X509Certificate(certificate);
    expect(read.raw.equals(der)).toBe(true);
    expect(read.verify(createPublicKey(createPrivateKey(key)))).toBe(true);
    expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(read.checkIssued(read)).toBe(true);
    expect([read.ca, read.subject, read.checkHost("localhost")]).toEqual([true, "CN=localhost", "localhost"]);
    expect(read.validFromDate.getTime()).toBeLessThan(nowMs);
    expect(read.validToDate.getTime()).toBeGreaterThan(nowMs);
    expect(BigInt(`0x${read.serialNumber}`)).toBeGreaterThan(0n);
  },
);
