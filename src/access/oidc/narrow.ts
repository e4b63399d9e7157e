import { issuerKinds } from "../../domain/access/issuer-kinds.ts";
import type { TrustRule } from "../../domain/access/trust-rule.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { whyNotAsked } from "./public-fetch.ts";

/** Throws `usage` for a rule that would let strangers in, and for one that no pipeline can fit. */
export function requireNarrow({
  issuer,
  claims,
  grants,
}: Pick<TrustRule, "issuer" | "claims" | "grants">): void {
  const why = whyNotAsked(issuer.url, issuer.isPrivate);
  if (why !== undefined) {
    throw new KilnError("usage", `The issuer ${issuer.url} cannot be asked for its keys: ${why}.`, {
      hint: "Expected an https URL. With --private its address may be private; http is for this machine alone.",
    });
  }
  requireKind(issuer);
  if (grants.some(({ role }) => role === "approver")) {
    throw new KilnError("usage", "A pipeline cannot be an approver: an approval is a person's.", {
      hint: "Expected --role viewer, deployer, operator or admin.",
    });
  }
  if (Object.hasOwn(claims, "sub")) {
    throw new KilnError(
      "usage",
      "A trust rule cannot compare sub: its form can be changed, and its names taken over.",
      {
        hint: "Compare ids: --claim repository_id=NUMBER at GitHub, --claim project_id=NUMBER at GitLab.",
      },
    );
  }
  const { identity, places, claims: known } = issuerKinds[issuer.kind];
  for (const name of Object.keys(claims)) {
    if (known !== undefined && !known.includes(name)) throw unknownClaim(name, known);
  }
  if (identity === undefined) {
    if (Object.keys(claims).length === 0)
      throw tooWide("a claim that only your own pipelines have: --claim NAME=VALUE");
    return;
  }
  const ids = claims[identity] ?? [];
  if (ids.length === 0 || ids.some((id) => !/^\d+$/.test(id)))
    throw tooWide(`the id of a repository: --claim ${identity}=NUMBER`);
  if (!places.some((place) => Object.hasOwn(claims, place))) {
    throw tooWide(
      `an environment or a branch: --claim environment=production or --claim ref=${issuer.kind === "github" ? "refs/heads/main" : "main"}`,
    );
  }
}

/** As an issuer of another kind, one that everyone uses would be asked for no id, and proposed changes would get access. */
function requireKind({ kind, url }: TrustRule["issuer"]): void {
  const { host } = new URL(url);
  for (const known of ["github", "gitlab"] as const) {
    const usual = issuerKinds[known].url;
    if (kind === known || usual === undefined || host !== new URL(usual).host) continue;
    throw new KilnError(
      "usage",
      `${url} is the issuer of ${known === "github" ? "GitHub Actions" : "GitLab"}.`,
      {
        hint: `Use --${known}: then the rule names a repository by its id, and proposed changes get no access.`,
      },
    );
  }
}

function tooWide(needed: string): KilnError {
  return new KilnError("usage", `Anyone can run pipelines at this issuer: the rule needs ${needed}.`, {
    hint: "`gh api repos/OWNER/NAME --jq .id` prints a repository's id at GitHub; GitLab shows it on the project's page.",
  });
}

function unknownClaim(name: string, known: readonly string[]): KilnError {
  const meant = nearest(name, known);
  return new KilnError("usage", `Tokens of this issuer have no claim ${name}.`, {
    hint: meant === undefined ? `They have: ${known.join(", ")}.` : `Did you mean ${meant}?`,
  });
}
