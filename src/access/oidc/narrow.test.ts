import { expect, test } from "vitest";
import type { Grant } from "../../domain/access/access.ts";
import { issuerKinds } from "../../domain/access/issuer-kinds.ts";
import type { TrustRule } from "../../domain/access/trust-rule.ts";
import { requireNarrow } from "./narrow.ts";

const grants: readonly Grant[] = [{ role: "deployer", services: ["*"], environments: ["*"] }];
const github = { kind: "github", url: issuerKinds.github.url ?? "", isPrivate: false } as const;
const gitlab = { kind: "gitlab", url: "https://gitlab.example.com", isPrivate: false } as const;
const other = { kind: "other", url: "https://ci.example.com", isPrivate: false } as const;
const own = { repository_id: ["74"], environment: ["production"] };

type Rule = Pick<TrustRule, "issuer" | "claims" | "grants">;

test.each<[string, Rule]>([
  ["GitHub", { issuer: github, claims: own, grants }],
  [
    "several repositories",
    { issuer: github, claims: { repository_id: ["74", "75"], ref: ["refs/tags/v*"] }, grants },
  ],
  ["GitLab", { issuer: gitlab, claims: { project_id: ["7"], ref_protected: ["true"] }, grants }],
  ["another issuer", { issuer: other, claims: { organization_id: ["9"] }, grants }],
])("a rule for %s", (_name, rule) => {
  expect(() => requireNarrow(rule)).not.toThrow();
});

test.each<[string, Rule, string]>([
  ["sub", { issuer: github, claims: { ...own, sub: ["repo:acme/shop:*"] }, grants }, "cannot compare sub"],
  ["sub of another issuer", { issuer: other, claims: { sub: ["shop"] }, grants }, "cannot compare sub"],
  [
    "GitLab as another issuer",
    { issuer: { ...other, url: "https://gitlab.com" }, claims: { ref: ["main"] }, grants },
    "is the issuer of GitLab",
  ],
  [
    "GitHub as another issuer",
    { issuer: { ...other, url: `${github.url}/acme` }, claims: { ref: ["main"] }, grants },
    "is the issuer of GitHub Actions",
  ],
  ["no claim", { issuer: other, claims: {}, grants }, "a claim that only your own pipelines have"],
  [
    "a name in place of an id",
    { issuer: github, claims: { repository: ["acme/shop"], ref: ["x"] }, grants },
    "--claim repository_id=NUMBER",
  ],
  [
    "any repository",
    { issuer: github, claims: { ...own, repository_id: ["*"] }, grants },
    "--claim repository_id=NUMBER",
  ],
  [
    "any branch",
    { issuer: github, claims: { repository_id: ["74"] }, grants },
    "--claim ref=refs/heads/main",
  ],
  ["any branch of GitLab", { issuer: gitlab, claims: { project_id: ["7"] }, grants }, "--claim ref=main"],
  [
    "a claim that is misspelt",
    { issuer: github, claims: { ...own, enviroment: ["x"] }, grants },
    "no claim enviroment",
  ],
  [
    "an issuer that is not https",
    { issuer: { ...gitlab, url: "http://gitlab.example.com" }, claims: own, grants },
    "it is not https",
  ],
  [
    "an approver",
    { issuer: github, claims: own, grants: [{ ...grants[0], role: "approver" } as Grant] },
    "cannot be an approver",
  ],
  [
    "an approver elsewhere",
    { issuer: other, claims: { a: ["b"] }, grants: [{ ...grants[0], role: "approver" } as Grant] },
    "cannot be an approver",
  ],
])("no rule with %s", (_name, rule, message) => {
  expect(() => requireNarrow(rule)).toThrow(
    expect.objectContaining({
      code: "usage",
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/\S/),
    }),
  );
});
