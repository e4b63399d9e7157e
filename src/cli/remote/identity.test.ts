import { expect, test } from "vitest";
import { anIssuer } from "../../access/oidc/testing.ts";
import { ambientIdToken } from "./identity.ts";

const audience = "kiln1.kiln.example.com:7443.PIN";
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

test("a job of GitHub Actions asks for a token for the controller, another one each time", async () => {
  await using issuer = await anIssuer();
  const [one, other] = [
    await ambientIdToken(issuer.job, audience),
    await ambientIdToken(issuer.job, audience),
  ];
  expect(claimsOf(one)).toMatchObject({ aud: audience, repository_id: "74" });
  expect(claimsOf(one).jti).not.toBe(claimsOf(other).jti);
});

test("KILN_ID_TOKEN counts before what GitHub Actions would give", async () => {
  expect(await ambientIdToken({ KILN_ID_TOKEN: " a.b.c\n" }, audience)).toBe("a.b.c");
});

test("GitHub Actions that give no token", async () => {
  await using issuer = await anIssuer();
  const job = { ...issuer.job, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "another" };
  const error = { code: "issuer_unreachable", message: "GitHub Actions gave no token: status 404." };
  await expect(ambientIdToken(job, audience)).rejects.toMatchObject(error);
});

test("where nothing proves who asks, the error says what each kind of pipeline needs", async () => {
  await expect(ambientIdToken({}, audience)).rejects.toMatchObject({
    code: "identity_refused",
    hint: expect.stringMatching(
      /id-token: write.*KILN_ID_TOKEN: \{aud: kiln1\.kiln\.example\.com:7443\.PIN\}.*kiln login/,
    ),
  });
});
