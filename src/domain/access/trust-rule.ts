import { type Grant, matches } from "./access.ts";
import { type IssuerKind, issuerKinds } from "./issuer-kinds.ts";

/** Where pipelines get the tokens from that say what they are. */
export interface TokenIssuer {
  readonly kind: IssuerKind;
  /** What its tokens name as `iss`; its keys are found from there (OpenID Connect Discovery 1.0). */
  readonly url: string;
  /** It may be at a private address, or on the controller's machine. */
  readonly isPrivate: boolean;
}

/** Which pipelines get a token, and for what. */
export interface TrustRule {
  /** Also the name of the pipelines' tokens. */
  readonly name: string;
  readonly issuer: TokenIssuer;
  /** For each claim the values that it may have; `*` stands for any characters. All claims must fit. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  readonly grants: readonly Grant[];
  readonly addedAtMs: number;
  readonly addedBy: string;
}

/** What an issuer says of a pipeline (RFC 7519, section 4). */
export type Claims = Readonly<Record<string, unknown>>;

/** The value of a claim as text; undefined where there is none, or none that can be compared. */
export function claimOf(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return isPlain ? String(value) : undefined;
}

/**
 * The claims of the rule that these do not fit, `event_name` among them when the rule leaves it open and a stranger may cause such an event, and at
 * GitLab `ref_type`: a `ref` there is a branch unless the rule says otherwise, because someone who may not push to `main` may be able to make a tag of that name.
 */
export function misfits(
  { claims: wanted, issuer: { kind } }: Pick<TrustRule, "claims" | "issuer">,
  claims: Claims,
): readonly string[] {
  const { event } = issuerKinds[kind];
  const usual = event === undefined ? {} : { [event.claim]: event.usual };
  const branch = kind === "gitlab" && Object.hasOwn(wanted, "ref") ? { ref_type: ["branch"] } : {};
  return Object.entries({ ...usual, ...branch, ...wanted })
    .filter(([name, patterns]) => {
      const value = claimOf(claims, name);
      return value === undefined || !patterns.some((pattern) => matches(pattern, value));
    })
    .map(([name]) => name);
}

/**
 * What makes the pipeline one of a stranger, whatever rules say: a proposed change started it, or it runs in another project than it says (GitLab, a fork).
 */
export function foreignness(kind: IssuerKind, claims: Claims): string | undefined {
  const { event } = issuerKinds[kind];
  const cause = event === undefined ? undefined : claimOf(claims, event.claim);
  if (event !== undefined && cause !== undefined && event.never.includes(cause)) {
    return `a proposed change started it (${event.claim} is ${cause})`;
  }
  const [project, job] = [claimOf(claims, "project_id"), claimOf(claims, "job_project_id")];
  if (kind === "gitlab" && job !== undefined && job !== project) {
    return `it runs for a fork (project_id is ${project}, job_project_id ${job})`;
  }
  return undefined;
}
