import type { PipelineRun } from "../../domain/access/actor.ts";
import { issuerKinds } from "../../domain/access/issuer-kinds.ts";
import { type Claims, claimOf, type TokenIssuer } from "../../domain/access/trust-rule.ts";

/** What the event log says of a pipeline, from what its issuer has certified. */
export function runOf(issuer: TokenIssuer, claims: Claims): PipelineRun {
  const facts = issuerKinds[issuer.kind];
  if (facts.run === undefined) return { issuer: issuer.url };
  const text = (name: string) => claimOf(claims, name)?.slice(0, 300);
  const { repository, ref, commit, personId, personName } = facts.run;
  const id = text(personId);
  const host = issuer.url === facts.url ? issuer.kind : new URL(issuer.url).host;
  const all = {
    ...{ repository: text(repository), ref: text(ref), commit: text(commit), personName: text(personName) },
    person: id === undefined ? undefined : `${host}:${id}`,
    url: pageOf(issuer, text),
  };
  const known = Object.entries(all).filter(([, value]) => value !== undefined);
  return { issuer: issuer.url, ...Object.fromEntries(known) };
}

function pageOf({ kind, url }: TokenIssuer, text: (name: string) => string | undefined): string | undefined {
  const [project = "", folder, number = ""] =
    kind === "github"
      ? [text("repository"), "actions/runs", text("run_id")]
      : [text("project_path"), "-/jobs", text("job_id")];
  if (!/^[\w./-]+$/.test(project) || !/^\d+$/.test(number)) return undefined;
  const origin = url === issuerKinds.github.url ? "https://github.com" : new URL(url).origin;
  return `${origin}/${project}/${folder}/${number}`;
}
