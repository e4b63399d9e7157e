import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { type Certificate, readCertificate } from "../certificate.ts";
import { issue, missingOpenssl, noSecret } from "../test-certificates.ts";
import { thumbprint } from "./account.ts";
import { isOwn, mayTry, pauseMs, whyDue } from "./due.ts";

const missing = await missingOpenssl();
if (missing) console.log(`Skipped: certificates, because ${missing}.`);
const folder = mkdtempSync("/tmp/kiln-");
afterAll(() => rmSync(folder, { recursive: true }));

const directory = "https://ca.example/dir";
const dayMs = 24 * 3_600_000;

describe.skipIf(missing)("when a certificate is due", async () => {
  const own = missing ? undefined : await readCertificate(await issue(folder, "own", { days: 90 }), noSecret);
  /** As an authority would have signed it. */
  const present = own && ({ ...own, leaf: issuedBy(own.leaf) } satisfies Certificate);
  const nowMs = (own?.fromMs ?? 0) + dayMs;
  const hosts = ["shop.example.com"];
  const record = { directory, failures: 0, tryAtMs: 0 };

  test("there is none, or one that signs itself", () => {
    expect(whyDue(undefined, { hosts, directory, nowMs }, record)).toBe("none was issued yet");
    expect(own && isOwn(own)).toBe(true);
    expect(whyDue(own, { hosts, directory, nowMs }, record)).toBe("none was issued yet");
  });

  test("it lacks a name, or comes from another authority", () => {
    expect(whyDue(present, { hosts, directory, nowMs }, record)).toBeUndefined();
    const wider = [...hosts, "store.example.com"];
    expect(whyDue(present, { hosts: wider, directory, nowMs }, record)).toContain("store.example.com");
    expect(whyDue(present, { hosts, directory: `${directory}2`, nowMs }, record)).toContain("another");
  });

  test("a third of its lifetime is left", () => {
    const after = (days: number) => (own?.fromMs ?? 0) + days * dayMs;
    expect(whyDue(present, { hosts, directory, nowMs: after(59) }, record)).toBeUndefined();
    expect(whyDue(present, { hosts, directory, nowMs: after(61) }, record)).toContain("expires");
  });
});

test("attempts become rarer, and never more than five fall into an hour", () => {
  const startsMs = [0];
  for (let failures = 1; failures < 12; failures++) startsMs.push((startsMs.at(-1) ?? 0) + pauseMs(failures));
  for (const start of startsMs)
    expect(startsMs.filter((other) => other >= start && other < start + 3_600_000).length).toBeLessThan(5);
  expect(pauseMs(100)).toBe(3 * 3_600_000);
});

test("a moment that a wrong clock has set far ahead holds up nothing", () => {
  const at = (tryAtMs: number) => mayTry({ failures: 9, tryAtMs }, dayMs);
  expect([at(0), at(dayMs), at(dayMs + 1), at(dayMs + 3 * 3_600_000)]).toEqual([true, true, false, false]);
  expect(at(10_000 * dayMs)).toBe(true);
});

test("a thumbprint depends on the key alone, and fits into an address", () => {
  const key = () =>
    generateKeyPairSync("ec", { namedCurve: "P-256" })
      .privateKey.export({ type: "pkcs8", format: "pem" })
      .toString();
  const one = key();
  expect(thumbprint(one)).toBe(thumbprint(one));
  expect(thumbprint(one)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(thumbprint(key())).not.toBe(thumbprint(one));
});

function issuedBy(leaf: Certificate["leaf"]): Certificate["leaf"] {
  return new Proxy(leaf, {
    get: (target, key) => {
      if (key === "checkIssued") return () => false;
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
