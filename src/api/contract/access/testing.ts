import type { Grant } from "../../../domain/access/access.ts";
import type { AskedOf, OperationsOf } from "../types.ts";
import type { accessTable } from "./operations.ts";

const grants: Grant[] = [{ role: "deployer", services: ["shop"], environments: ["production"] }];
const asGiven = grants.map((grant) => ({
  ...{ role: grant.role, services: [...grant.services], environments: [...grant.environments] },
}));
const token = { token: "kiln_usr_secret", id: "abcdefgh", name: "ada", grants, expiresAtMs: 9 };

const issuer = { kind: "github" as const, url: "https://issuer.example.com", isPrivate: false };

/** What they are asked, at least once each. */
export const accessAsked: AskedOf<typeof accessTable> = {
  whoami: [{}],
  can: [{ operation: "deploy", service: "shop.production" }, { operation: "audit" }],
  access: [{}],
  invite: [
    {
      name: "ada",
      grants: asGiven,
      tokenMs: 86_400_000,
      address: "kiln.example.com:7443",
      reason: "new here",
    },
    { name: "ada", grants: asGiven },
  ],
  login: [{ invite: "kiln_inv_secret" }],
  exchangeIdentity: [{ idToken: "a.b.c", renews: "kiln_ci_secret" }],
  trustPipelines: [
    { name: "shop-ci", issuer, claims: { repository_id: ["74"] }, grants: asGiven, reason: "CI" },
  ],
  distrustPipelines: [{ name: "shop-ci" }],
  revokeAccess: [{ who: "ada", reason: "she left" }],
  rotateToken: [{}],
  allowPlace: [{ place: "/etc/kiln/tls/*", reason: "an old certificate" }],
  disallowPlace: [{ place: "/etc/kiln/tls/*" }],
  listen: [{ address: ":7443", names: ["kiln.example.com"] }],
  unlisten: [{}],
};

/** Full values. */
export const accessAnswered: OperationsOf<typeof accessTable> = {
  whoami: async () => ({ name: "ada", kind: "user", grants, token: "abcdefgh", expiresAtMs: 9 }),
  can: async () => ({ allowed: true, because: "The token is deployer of shop." }),
  access: async () => ({
    listening: { address: ":7443", names: ["kiln.example.com"], pin: "pin", trouble: "It is taken." },
    tokens: [
      {
        ...{
          id: "abcdefgh",
          kind: "ci",
          name: "shop-ci",
          grants,
          createdAtMs: 1,
          createdBy: "root",
          expiresAtMs: 9,
        },
        run: {
          issuer: "https://issuer.example.com",
          repository: "acme/shop",
          commit: "ab",
          person: "github:1",
        },
        lastUse: { atMs: 2, address: "192.0.2.1" },
        revoked: { atMs: 3, by: "root", reason: "lost" },
      },
    ],
    invites: [
      { id: "ijklmnop", name: "bob", grants, tokenMs: 5, createdAtMs: 1, createdBy: "root", expiresAtMs: 9 },
    ],
    rules: [
      { name: "shop-ci", issuer, claims: { repository_id: ["74"] }, grants, addedAtMs: 1, addedBy: "root" },
    ],
    places: { files: ["/etc/kiln/tls/*"], urls: ["https://prometheus.example.com/api"] },
  }),
  invite: async () => ({ login: "kiln1.a:1.pin.kiln_inv_x", id: "ijklmnop", expiresAtMs: 9 }),
  login: async () => token,
  exchangeIdentity: async () => token,
  trustPipelines: async () => ({ controllers: ["kiln1.a:1.pin"] }),
  distrustPipelines: async () => ({ ids: ["abcdefgh"] }),
  revokeAccess: async () => ({ ids: ["abcdefgh"] }),
  rotateToken: async () => token,
  allowPlace: async () => {},
  disallowPlace: async () => {},
  listen: async () => ({ address: "[::]:7443", addresses: ["192.0.2.1:7443"], pin: "pin" }),
  unlisten: async () => {},
};
