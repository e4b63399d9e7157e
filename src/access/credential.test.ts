import { expect, test } from "vitest";
import { isSameDigest, newCredential, parseCredential } from "./credential.ts";

test("a credential is recognized by its form, and known by the digest of its text", () => {
  const { id, text, digest } = newCredential("usr");
  expect(text).toMatch(/^kiln_usr_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/);
  expect(parseCredential(text)).toEqual({ kind: "usr", id, digest });
});

test("no two are alike", () => {
  const all = Array.from({ length: 1_000 }, () => newCredential("inv"));
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  expect(new Set(all.map(({ digest }) => digest)).size).toBe(all.length);
});

test("a mistyped character, another kind and anything else are not credentials", () => {
  const { text } = newCredential("usr");
  const place = 30;
  const other = text[place] === "a" ? "b" : "a";
  expect(parseCredential(text.slice(0, place) + other + text.slice(place + 1))).toBeUndefined();
  expect(parseCredential(text.replace("_usr_", "_ci_"))).toBeUndefined();
  for (const bad of ["", "kiln_usr_", `${text} `, ` ${text}`, text.toUpperCase()]) {
    expect(parseCredential(bad)).toBeUndefined();
  }
});

test("digests are compared as a whole", () => {
  expect(isSameDigest("ab", "ab")).toBe(true);
  expect(isSameDigest("ab", "ac")).toBe(false);
  expect(isSameDigest("ab", "abab")).toBe(false);
});
