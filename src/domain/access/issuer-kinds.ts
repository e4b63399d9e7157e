/** Whose claims are known: GitHub Actions, GitLab CI; `other` issuers say what they like. */
export type IssuerKind = "github" | "gitlab" | "other";

/** How one kind of issuer describes a pipeline. */
export interface IssuerFacts {
  /** The one that everyone uses; its kind may also be hosted elsewhere. */
  readonly url: string | undefined;
  /** The claim that names one repository for good: its name can be taken over by someone else. */
  readonly identity: string | undefined;
  /** A rule needs one of these: otherwise anyone who may push a branch could use it. */
  readonly places: readonly string[];
  /** All claims that a rule can compare; undefined: any. */
  readonly claims: readonly string[] | undefined;
  /** What started the pipeline. */
  readonly event:
    | {
        readonly claim: string;
        /** Only who may write to the repository causes these: they are accepted by rules that do not say more. */
        readonly usual: readonly string[];
        /** Proposed changes: no rule accepts these. */
        readonly never: readonly string[];
      }
    | undefined;
  /** Its tokens are made when they are asked for, so older ones are not accepted. */
  readonly mostAgeSeconds: number | undefined;
  /** Where the event log finds who, what and where. */
  readonly run:
    | Readonly<Record<"repository" | "ref" | "commit" | "personId" | "personName", string>>
    | undefined;
}

/**
 * GitHub: "OpenID Connect reference", docs.github.com/actions/reference/security/oidc, and "Events that trigger workflows". GitLab: "OpenID Connect
 * (OIDC) Authentication Using ID Tokens", docs.gitlab.com/ci/secrets/id_token_authentication, and `CI_PIPELINE_SOURCE`.
 */
export const issuerKinds: { readonly [Kind in IssuerKind]: IssuerFacts } = {
  github: {
    url: "https://token.actions.githubusercontent.com",
    identity: "repository_id",
    places: ["environment", "ref", "ref_protected", "workflow_ref", "job_workflow_ref"],
    claims: [
      ...["repository_id", "repository_owner_id", "repository", "repository_owner", "repository_visibility"],
      ...["ref", "ref_type", "ref_protected", "environment", "event_name", "workflow", "workflow_ref"],
      ...["workflow_sha", "job_workflow_ref", "job_workflow_sha", "runner_environment", "actor", "actor_id"],
      ...["sha", "head_ref", "base_ref", "enterprise", "enterprise_id"],
    ],
    event: {
      claim: "event_name",
      usual: ["push", "workflow_dispatch", "schedule", "release", "deployment", "repository_dispatch"],
      never: ["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"],
    },
    mostAgeSeconds: 600,
    run: {
      ...{ repository: "repository", ref: "ref", commit: "sha" },
      ...{ personId: "actor_id", personName: "actor" },
    },
  },
  gitlab: {
    url: "https://gitlab.com",
    identity: "project_id",
    places: ["environment", "ref", "ref_protected", "ref_path", "ci_config_ref_uri"],
    claims: [
      ...["project_id", "project_path", "namespace_id", "namespace_path", "ref", "ref_type", "ref_path"],
      ...["ref_protected", "environment", "environment_protected", "deployment_tier", "deployment_action"],
      ...["pipeline_source", "sha", "ci_config_ref_uri", "ci_config_sha", "runner_environment", "runner_id"],
      ...["user_id", "user_login", "user_access_level", "project_visibility", "job_project_id"],
    ],
    event: {
      claim: "pipeline_source",
      usual: ["push", "web", "schedule", "api", "trigger", "pipeline", "parent_pipeline"],
      never: ["merge_request_event", "external_pull_request_event"],
    },
    mostAgeSeconds: undefined,
    run: {
      ...{ repository: "project_path", ref: "ref", commit: "sha" },
      ...{ personId: "user_id", personName: "user_login" },
    },
  },
  other: {
    ...{ url: undefined, identity: undefined, places: [], claims: undefined },
    ...{ event: undefined, mostAgeSeconds: undefined, run: undefined },
  },
};
