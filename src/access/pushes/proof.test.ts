import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { ProofCheck, proofOf } from "./proof.ts";

const secret = `It's a Secret to Every${"body"}`;
const body = "Hello, World!";
/** The example of GitHub, "Validating webhook deliveries". */
const mac = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

function isProved(headers: Readonly<Record<string, string>>, secrets: readonly string[], pieces = [body]) {
  const proof = proofOf(headers);
  if (proof === undefined) return "no proof";
  const check = new ProofCheck(proof, secrets);
  for (const piece of pieces) check.take(Buffer.from(piece));
  return check.end().isProved;
}

test.each([
  ["GitHub", { "x-hub-signature-256": `sha256=${mac}`, "x-hub-signature": "sha1=00" }],
  ["Bitbucket", { "x-hub-signature": `sha256=${mac}` }],
  ["Gitea", { "x-gitea-signature": mac, "x-hub-signature": "sha1=00" }],
  ["Forgejo", { "x-forgejo-signature": mac }],
  ["GitLab", { "x-gitlab-token": secret }],
] as const)(
  "a message of %s is proved by its secret, by the one before too, and by no other",
  (_, headers) => {
    expect(isProved(headers, [secret])).toBe(true);
    expect(isProved(headers, ["a new one", secret], ["Hello, ", "World!"])).toBe(true);
    expect(isProved(headers, ["another", `${secret}x`, ""])).toBe(false);
    expect(isProved(headers, [])).toBe(false);
  },
);

test("a signature is of this body alone", () => {
  expect(isProved({ "x-hub-signature-256": `sha256=${mac}` }, [secret], ["Hello, World"])).toBe(false);
});

test.each([
  {},
  { "x-hub-signature-256": "sha256=" },
  { "x-hub-signature-256": `sha1=${"0".repeat(40)}` },
  { "x-hub-signature-256": `sha256=${mac.toUpperCase()}` },
  { "x-hub-signature-256": `sha256=${mac}0` },
  { "x-gitlab-token": "" },
])("%j proves nothing", (headers) => {
  expect(isProved(headers, [secret])).toBe("no proof");
});

test("the MAC of an empty secret, which anyone can make, proves nothing", () => {
  const empty = createHmac("sha256", "").update(body).digest("hex");
  expect(isProved({ "x-hub-signature-256": `sha256=${empty}` }, [secret])).toBe(false);
});
