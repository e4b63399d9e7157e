import { expect, test } from "vitest";
import { redactJson, redactLines, redactText } from "./redact.ts";

test.each([
  ["a private key", "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\nafter", "MC4CAQAw"],
  ["a private key whose end is cut off", "-----BEGIN EC PRIVATE KEY-----\nMC4CAQAw\nxyz", "MC4CAQAw"],
  ["a token of Kiln", "used kiln_token_0123abcD_abcdefghijklmnopq0", "abcdefghijklmnopq0"],
  ["a header", "Authorization: Bearer abc.def-ghi", "abc.def"],
  ["a JSON Web Token", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "c2ln"],
  ["an address with a password", "https://ada:lovelace@example.com/x", "lovelace"],
  ["a setting", "DB_PASSWORD=hunter2 other=1", "hunter2"],
  ["a member of JSON", '{"apiKey": "k-123456"}', "k-123456"],
  ["a value with spaces", 'password="correct horse"', "horse"],
  ["a value with a quote", '{"passphrase": "correct\\" horse"}', "horse"],
  ["JSON within JSON", '{"msg": "{\\"token\\": \\"correct horse\\"}"}', "horse"],
  ["a longer name", "AWS_SECRET_ACCESS_KEY=wJalrX", "wJalrX"],
  ["a name with hyphens", "x-api-key: k-123456", "k-123456"],
  ["an argument", "psql --db-password hunter2 --port 1", "hunter2"],
  ["a query", "GET https://example.com/x?sig=abc&y=1", "abc"],
  ["a token of a forge", "remote said ghp_0123456789abcdefghij", "0123456789"],
])("%s is left out of text, and nothing else", (_, text, secret) => {
  const rest = redactText(text);
  expect(rest).toContain("(left out)");
  expect(rest).not.toContain(secret);
});

test("other text stays", () => {
  const text = "server shop-1-1-1 of https://example.com:8443/a@b has the secret DB_PASSWORD, version 3";
  expect(redactText(text)).toBe(text);
});

test("text whose key says that it is a secret is left out, and names and numbers stay", () => {
  const given = { options: { token: "hunter2", region: "eu" }, secrets: ["DB_PASSWORD"], secretVersion: 3 };
  expect(redactJson(given)).toEqual({ ...given, options: { token: "(left out)", region: "eu" } });
});

test("lines of a log are redacted by their keys", () => {
  const text = redactLines('{"url":"https://hooks.example.com/T0/abc","level":30}\nplain token=abc\n{cut');
  expect(text).toBe('{"url":"(left out)","level":30}\nplain token=(left out)\n{cut');
});

test("what was redacted stays as it is", () => {
  const once = redactText('a --token abc password="x y" t_token=1 https://e.com/?a=b "apiKey": "k"');
  expect(redactText(once)).toBe(once);
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
