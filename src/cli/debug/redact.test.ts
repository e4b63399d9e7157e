import { expect, test } from "vitest";
import { redactJson, redactText } from "./redact.ts";

test.each([
  ["a private key", "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\nafter", "MC4CAQAw"],
  ["a private key whose end is cut off", "-----BEGIN EC PRIVATE KEY-----\nMC4CAQAw\nxyz", "MC4CAQAw"],
  ["a token of Kiln", "used kiln_token_0123abcD_abcdefghijklmnopq0", "abcdefghijklmnopq0"],
  ["a header", "Authorization: Bearer abc.def-ghi", "abc.def"],
  ["a JSON Web Token", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "c2ln"],
  ["an address with a password", "https://ada:lovelace@example.com/x", "lovelace"],
  ["a setting", "DB_PASSWORD=hunter2 other=1", "hunter2"],
  ["a member of JSON", '{"apiKey": "k-123456"}', "k-123456"],
])("%s is left out of text, and nothing else", (_, text, secret) => {
  const rest = redactText(text);
  expect(rest).toContain("(left out)");
  expect(rest).not.toContain(secret);
});

test("other text stays", () => {
  const text = "server shop-1-1-1 of https://example.com:8443/a@b has the secret DB_PASSWORD, version 3";
  expect(redactText(text)).toBe(text);
});

test("values that people choose are left out of JSON, wherever they are", () => {
  const given = {
    release: { env: { A: "x" }, count: 2 },
    all: [{ command: ["psql", "secret"] }, "token=abc"],
  };
  expect(redactJson(given)).toEqual({
    release: { env: "(left out)", count: 2 },
    all: [{ command: "(left out)" }, "token=(left out)"],
  });
});
