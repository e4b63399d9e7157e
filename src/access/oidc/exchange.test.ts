import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Grant } from "../../domain/access/access.ts";
import type { IssuerKind } from "../../domain/access/issuer-kinds.ts";
import { aStore } from "../../store/testing.ts";
import { IdentityExchange } from "./exchange.ts";
import {
  aKey,
  anIssuer,
  githubClaims,
  gitlabClaims,
  signed,
  type TestClaims,
  type TestKey,
} from "./testing.ts";

const pin = "p".repeat(43);
const audience = `kiln1.kiln.example.com:7443.${pin}`;
const grants: readonly Grant[] = [{ role: "deployer", services: ["shop"], environments: ["production"] }];
const root = { actor: { via: "socket", name: "root", uid: 0 } } as const;
const address = "192.0.2.1";
const claimsOf = { github: githubClaims, gitlab: gitlabClaims, other: githubClaims };
const wantedOf = {
  github: { repository_id: ["74"], environment: ["production"], ref: ["refs/heads/main", "refs/tags/v*"] },
  gitlab: { project_id: ["20"], ref: ["main"] },
  other: { repository_id: ["74"] },
};

/** A store with one trust rule, and an issuer of this kind. */
async function trusting(kind: IssuerKind) {
  const issuer = await anIssuer();
  const opened = aStore();
  const { store, clock } = opened;
  clock.set(Date.now());
  const rule = {
    name: "shop-ci",
    issuer: { kind, url: issuer.url, isPrivate: true },
    claims: wantedOf[kind],
    grants,
  };
  store.access.setTrustRule(rule, root);
  const exchange = new IdentityExchange(store, clock);
  const good = () => claimsOf[kind](issuer.url, audience, clock.now());
  const claims = (more: TestClaims = {}) => ({ ...good(), ...more });
  const events = () => store.events({}).filter((event) => event.kind.startsWith("access."));
  return {
    ...{ issuer, store, clock, rule, claims, events },
    enter: (idToken: string, renews?: string) => exchange.exchange({ idToken, renews }, { pin, address }),
    /** With other claims, another key or another header. */
    attempt: async (more: TestClaims = {}, key: TestKey = issuer.key, header = {}) =>
      exchange.exchange({ idToken: await signed(claims(more), key, header) }, { pin, address }),
    [Symbol.asyncDispose]: async () => {
      opened[Symbol.dispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

test.each([
  [
    "github",
    "acme/shop",
    "12",
    "ada",
    "refs/heads/main",
    (_: string) => /\/acme\/shop\/actions\/runs\/30433642$/,
  ],
  ["gitlab", "acme/shop", "1", "grace", "main", (_: string) => /\/acme\/shop\/-\/jobs\/302$/],
] as const)(
  "a pipeline of %s gets what its rule grants, for 15 minutes",
  async (kind, repository, id, who, ref, page) => {
    await using trusted = await trusting(kind);
    const made = await trusted.attempt();
    expect(made).toMatchObject({ name: "shop-ci", grants, expiresAtMs: trusted.clock.now() + 15 * 60_000 });
    expect(made.token).toMatch(/^kiln_ci_/);
    const host = new URL(trusted.issuer.url).host;
    const run = {
      repository,
      ref,
      person: `${host}:${id}`,
      personName: who,
      url: expect.stringMatching(page("")),
    };
    expect(trusted.store.access.token(made.id)).toMatchObject({ kind: "ci", run });
    const event = trusted.events().at(-1);
    expect(event).toMatchObject({
      kind: "access.exchanged",
      data: { name: "shop-ci", token: made.id, address, run },
    });
    expect(JSON.stringify(trusted.events())).not.toContain(made.token);
  },
);

test("the keys are asked for once, and again for a key that is new", async () => {
  await using trusted = await trusting("github");
  await trusted.attempt();
  await trusted.attempt();
  expect(trusted.issuer.asked).toHaveLength(2);
  const rotated = aKey("key-2");
  trusted.issuer.published.push(rotated);
  await expect(trusted.attempt({}, rotated)).rejects.toThrow("it names no key of the issuer");
  trusted.clock.set(trusted.clock.now() + 31_000);
  expect(await trusted.attempt({}, rotated)).toMatchObject({ name: "shop-ci" });
  expect(trusted.issuer.asked).toHaveLength(4);
});

/** What is refused, and what the refusal says. Times are in seconds from now. */
const refused: readonly (readonly [string, IssuerKind, (nowS: number) => TestClaims, string])[] = [
  [
    "another audience",
    "github",
    () => ({ aud: "https://github.com/acme" }),
    "audience (aud) is https://github.com/acme; expected kiln1",
  ],
  [
    "the audience of another controller",
    "github",
    () => ({ aud: audience.replace("ppp", "qqq") }),
    "its audience (aud) is kiln1",
  ],
  [
    "several audiences",
    "github",
    () => ({ aud: [audience, "https://example.com"] }),
    "its audience (aud) is kiln1",
  ],
  ["no audience", "github", () => ({ aud: undefined }), "its aud is missing"],
  [
    "another issuer",
    "github",
    () => ({ iss: "https://token.actions.githubusercontent.com" }),
    "no trust rule names its issuer",
  ],
  ["no issuer", "github", () => ({ iss: undefined }), "not a JSON Web Token with an issuer"],
  ["one that has expired", "gitlab", (now) => ({ exp: now - 31 }), "it has expired (exp)"],
  ["one without an end", "gitlab", () => ({ exp: undefined }), "its exp is missing"],
  ["one that is not valid yet", "gitlab", (now) => ({ nbf: now + 60 }), "it is from the future (nbf)"],
  ["one of the future", "github", (now) => ({ iat: now + 60, exp: now + 90 }), "it is from the future (iat)"],
  ["an old one of GitHub", "github", (now) => ({ iat: now - 700 }), "it was made too long ago (iat)"],
  ["one without an id", "github", () => ({ jti: undefined }), "its jti is missing"],
  ["one with an empty id", "github", () => ({ jti: "" }), "its jti is not a short text"],
  ["another repository of the same name", "github", () => ({ repository_id: "75" }), "repository_id=75"],
  ["another branch", "github", () => ({ ref: "refs/heads/fix" }), "ref=refs/heads/fix"],
  ["a branch with a longer name", "github", () => ({ ref: "refs/heads/main2" }), "ref=refs/heads/main2"],
  ["another environment", "github", () => ({ environment: "staging" }), "environment=staging"],
  ["no environment", "github", () => ({ environment: undefined }), "environment=(none)"],
  ["a list in place of an id", "github", () => ({ repository_id: ["74"] }), "repository_id=(none)"],
  [
    "a pull request",
    "github",
    () => ({ event_name: "pull_request" }),
    "a proposed change started it (event_name is pull_request)",
  ],
  [
    "a pull request with the rights of the target",
    "github",
    () => ({ event_name: "pull_request_target" }),
    "a proposed change started it",
  ],
  [
    "what a stranger can cause",
    "github",
    () => ({ event_name: "issue_comment" }),
    "event_name=issue_comment",
  ],
  [
    "a run after another one, which may be of a pull request",
    "github",
    () => ({ event_name: "workflow_run" }),
    "event_name=workflow_run",
  ],
  ["a fork", "github", () => ({ repository_id: "99", repository: "mallory/shop" }), "repository_id=99"],
  ["another project", "gitlab", () => ({ project_id: "21" }), "project_id=21"],
  [
    "a merge request",
    "gitlab",
    () => ({ pipeline_source: "merge_request_event" }),
    "a proposed change started it",
  ],
  ["a fork that runs in the project", "gitlab", () => ({ job_project_id: "33" }), "it runs for a fork"],
  ["a tag with the name of the branch", "gitlab", () => ({ ref_type: "tag" }), "ref_type=tag"],
  ["a branch that is not protected by name", "gitlab", () => ({ ref: "mainline" }), "ref=mainline"],
];

test.each(refused)(
  "%s of %s is refused, with an event that has no secret",
  async (_what, kind, more, message) => {
    await using trusted = await trusting(kind);
    const claims = trusted.claims(more(Math.floor(trusted.clock.now() / 1_000)));
    const idToken = await signed(claims, trusted.issuer.key);
    await expect(trusted.enter(idToken)).rejects.toMatchObject({
      code: "identity_refused",
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/\S/),
    });
    expect(trusted.store.access.tokens()).toEqual([]);
    const event = trusted.events().at(-1);
    expect(event).toMatchObject({
      kind: "access.denied",
      data: { code: "identity_refused", address, count: 1 },
    });
    expect(event?.message).toContain(message);
    const secret = idToken.split(".").at(-1) ?? "";
    expect(JSON.stringify(trusted.events())).not.toContain(secret);
  },
);

test("rules that grant much together leave everything about access in order", async () => {
  await using trusted = await trusting("github");
  const { store, rule } = trusted;
  const many = ["a", "b", "c"].map((name) => ({
    ...{ ...rule, name },
    grants: Array.from({ length: 20 }, (_, at) => ({ ...grants[0], services: [`${name}-${at}`] }) as Grant),
  }));
  for (const one of many) store.access.setTrustRule(one, root);
  const { id, name } = await trusted.attempt();
  expect([name, store.access.token(id)?.grants.length]).toEqual(["a+b+c+shop-ci", 61]);
  expect(store.access.removeTrustRule("a", root)).toEqual([id]);
});

describe("a signature that proves nothing", () => {
  test("by a key of someone else", async () => {
    await using trusted = await trusting("github");
    await expect(trusted.attempt({}, aKey("key-1"))).rejects.toThrow("its signature is by another key");
    await expect(trusted.attempt({}, aKey("unknown"))).rejects.toThrow("it names no key of the issuer");
  });

  test.each(["none", "HS256"])("alg %s", async (alg) => {
    await using trusted = await trusting("github");
    const { publicKey } = trusted.issuer.key.pair;
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = `${part({ alg, typ: "JWT", kid: "key-1" })}.${part(trusted.claims())}`;
    const shared = publicKey.export({ type: "spki", format: "pem" });
    const signature = alg === "none" ? "" : createHmac("sha256", shared).update(body).digest("base64url");
    await expect(trusted.enter(`${body}.${signature}`)).rejects.toThrow(
      "its algorithm (alg) proves nothing; expected one of RS256",
    );
  });

  test("over other claims", async () => {
    await using trusted = await trusting("github");
    const [head, , signature] = (await signed(trusted.claims(), trusted.issuer.key)).split(".");
    const other = Buffer.from(JSON.stringify(trusted.claims({ repository_id: "74" }))).toString("base64url");
    await expect(trusted.enter(`${head}.${other}.${signature}`)).rejects.toThrow(
      "its signature is by another key",
    );
  });

  test.each(["", "a", "a.b.c", "{}", ".".repeat(2), "x".repeat(15_000)])(
    "text that is not a token: %#",
    async (text) => {
      await using trusted = await trusting("github");
      await expect(trusted.enter(text)).rejects.toMatchObject({ code: "identity_refused" });
    },
  );
});

test("a token is good once, also after a restart", async () => {
  await using trusted = await trusting("github");
  const idToken = await signed(trusted.claims(), trusted.issuer.key);
  await trusted.enter(idToken);
  await expect(trusted.enter(idToken)).rejects.toThrow("it was used before (jti)");
  const restarted = new IdentityExchange(trusted.store, trusted.clock);
  await expect(restarted.exchange({ idToken }, { pin, address })).rejects.toThrow("it was used before (jti)");
  expect(trusted.store.access.tokens()).toHaveLength(1);
});

test("who has what a token was exchanged for gets another one, while the issuer's is valid and nothing was revoked", async () => {
  await using trusted = await trusting("gitlab");
  const { store, clock } = trusted;
  const end = Math.floor(clock.now() / 1_000) + 3_600;
  const idToken = await signed(trusted.claims({ exp: end }), trusted.issuer.key);
  const first = await trusted.enter(idToken);
  const other = await trusted.attempt();
  clock.set(clock.now() + 16 * 60_000);
  await expect(trusted.enter(idToken, other.token)).rejects.toThrow("it was used before (jti)");
  await expect(trusted.enter(idToken, "kiln_ci_nonsense")).rejects.toThrow("it was used before (jti)");
  const second = await trusted.enter(idToken, first.token);
  await expect(trusted.enter(idToken, first.token)).rejects.toThrow("it was used before (jti)");
  store.access.revoke(second.id, "lost", root);
  await expect(trusted.enter(idToken, second.token)).rejects.toThrow("it was used before (jti)");
});

test("of the same token at the same time one is exchanged", async () => {
  await using trusted = await trusting("github");
  const idToken = await signed(trusted.claims(), trusted.issuer.key);
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => trusted.enter(idToken)));
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("a repository that was renamed keeps its access, and one that took its name has none", async () => {
  await using trusted = await trusting("github");
  expect(await trusted.attempt({ repository: "acme/store", sub: "repo:acme/store:x" })).toMatchObject({
    name: "shop-ci",
  });
  await expect(trusted.attempt({ repository_id: "1000" })).rejects.toThrow("repository_id=1000");
});

test("a rule that names an event lets it in, but never a pull request", async () => {
  await using trusted = await trusting("github");
  const wider = {
    ...trusted.rule,
    claims: { ...wantedOf.github, event_name: ["workflow_run", "pull_request"] },
  };
  trusted.store.access.setTrustRule(wider, root);
  expect(await trusted.attempt({ event_name: "workflow_run" })).toMatchObject({ name: "shop-ci" });
  await expect(trusted.attempt({ event_name: "push" })).rejects.toThrow("event_name=push");
  await expect(trusted.attempt({ event_name: "pull_request" })).rejects.toThrow("a proposed change");
});

test("rules that fit add up, and the end of one ends the tokens that it gave", async () => {
  await using trusted = await trusting("github");
  const looking: readonly Grant[] = [{ role: "viewer", services: ["*"], environments: ["*"] }];
  trusted.store.access.setTrustRule({ ...trusted.rule, name: "looking", grants: looking }, root);
  const made = await trusted.attempt();
  expect(made).toMatchObject({ name: "looking+shop-ci", grants: [...looking, ...grants] });
  const other = await trusted.attempt();
  expect(trusted.store.access.revoke("shop-ci", "lost", root).toSorted()).toEqual(
    [made.id, other.id].toSorted(),
  );
  const last = await trusted.attempt();
  expect(trusted.store.access.removeTrustRule("looking", root)).toEqual([last.id]);
  expect(trusted.store.access.token(made.id)?.revoked).toMatchObject({ by: "root" });
});

test("what each rule lacks is in the event, and not in the answer", async () => {
  await using trusted = await trusting("github");
  const error = await trusted.attempt({ ref: "refs/heads/fix" }).catch((thrown: Error) => thrown);
  expect(String(error)).not.toContain("shop-ci");
  expect(trusted.events().at(-1)?.data).toMatchObject({ misfits: { "shop-ci": ["ref"] } });
});

test("a scanner cannot fill the log", async () => {
  await using trusted = await trusting("github");
  for (let n = 0; n < 50; n++) await trusted.attempt({ iss: `https://${n}.example.com` }).catch(() => {});
  expect(trusted.events().filter(({ kind }) => kind === "access.denied")).toHaveLength(1);
});

test("an issuer that is down is an error of its own, and is not asked for each attempt", async () => {
  await using trusted = await trusting("github");
  delete trusted.issuer.answers["/jwks"];
  const down = { code: "issuer_unreachable", message: expect.stringContaining("the answer has status 404") };
  await expect(trusted.attempt()).rejects.toMatchObject(down);
  await expect(trusted.attempt()).rejects.toMatchObject(down);
  expect(trusted.issuer.asked).toHaveLength(2);
});

test.each([
  [
    { issuer: "https://elsewhere.example.com", jwks_uri: "https://elsewhere.example.com/jwks" },
    "its openid-configuration is of",
  ],
  [{ jwks_uri: 7 }, "names no issuer and jwks_uri"],
  [{ big: "x".repeat(300_000) }, "more than 256 KiB"],
])("an issuer that describes itself wrongly: %#", async (description, message) => {
  await using trusted = await trusting("github");
  trusted.issuer.answers["/.well-known/openid-configuration"] = () => description;
  await expect(trusted.attempt()).rejects.toThrow(message);
});

test("keys are not asked for where the issuer's description leads astray", async () => {
  await using trusted = await trusting("github");
  for (const jwks_uri of ["http://169.254.169.254/keys", "file:///etc/shadow", "http://192.0.2.9/keys"]) {
    trusted.clock.set(trusted.clock.now() + 60_000);
    trusted.issuer.answers["/.well-known/openid-configuration"] = (issuer) => ({ issuer, jwks_uri });
    await expect(trusted.attempt()).rejects.toMatchObject({ code: "issuer_unreachable" });
  }
});
