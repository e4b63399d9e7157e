import { grantText } from "../../../domain/access/access.ts";
import { type IssuerKind, issuerKinds } from "../../../domain/access/issuer-kinds.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { type GrantOptions, grantOf } from "./access.ts";
import { claimsText } from "./lines.ts";

interface TrustOptions extends GrantOptions {
  readonly github?: string | true;
  readonly gitlab?: string | true;
  readonly issuer?: string;
  readonly claim?: readonly string[];
  readonly private?: true;
  readonly reason?: string;
}

export async function add(context: Context, options: TrustOptions, name: string): Outcome {
  const issuer = { ...issuerOf(options), isPrivate: options.private === true };
  const claims = claimsOf(options.claim ?? []);
  const grant = grantOf(options);
  const { reason } = options;
  const client = await context.connect();
  const { controllers } = await client.trustPipelines({ name, issuer, claims, grants: [grant], reason });
  const [controller] = controllers;
  context.output.result({ name, issuer, claims, grants: [grant], controllers }, [
    `Pipelines of ${issuer.url} with ${claimsText(claims)} become ${grantText(grant)}, for 15 minutes each.`,
    ...(controller === undefined
      ? ["The controller does not listen for the network yet: kiln controller listen :7443"]
      : wayIn(issuer.kind, controller)),
  ]);
  return 0;
}

/** What the pipeline's file needs. */
function wayIn(kind: IssuerKind, controller: string): readonly string[] {
  const byKind = {
    github: [
      "The job needs:",
      "",
      "permissions: {contents: read, id-token: write}",
      `env: {KILN_CONTROLLER: "${controller}"}`,
    ],
    gitlab: [
      ...["The job needs:", "", `variables: {KILN_CONTROLLER: "${controller}"}`],
      "id_tokens: {KILN_ID_TOKEN: {aud: $KILN_CONTROLLER}}",
    ],
    other: [
      ...[
        "The job needs these variables, the second one with a token for the audience that is the first:",
        "",
      ],
      ...[`KILN_CONTROLLER=${controller}`, "KILN_ID_TOKEN=..."],
    ],
  };
  return byKind[kind];
}

function issuerOf({ github, gitlab, issuer }: TrustOptions): {
  readonly kind: IssuerKind;
  readonly url: string;
} {
  const given: readonly (readonly [IssuerKind, string | true | undefined])[] = [
    ["github", github],
    ["gitlab", gitlab],
    ["other", issuer],
  ];
  const [chosen, ...more] = given.flatMap(([kind, url]) => (url === undefined ? [] : [{ kind, url }]));
  if (chosen === undefined || more.length > 0) {
    throw new KilnError("usage", "A trust rule is for one issuer of tokens.", {
      hint: "Expected one of --github, --gitlab and --issuer URL.",
    });
  }
  const { kind, url } = chosen;
  return { kind, url: url === true ? (issuerKinds[kind].url ?? "") : url };
}

function claimsOf(given: readonly string[]): Record<string, string[]> {
  const claims: Record<string, string[]> = {};
  for (const one of given) {
    const [, name = "", value = ""] = /^([^=]+)=(.+)$/.exec(one) ?? [];
    if (name === "") {
      throw new KilnError("usage", `--claim ${one} has no value.`, {
        hint: "Expected NAME=VALUE: --claim repository_id=74",
      });
    }
    claims[name] = [...(Object.hasOwn(claims, name) ? (claims[name] ?? []) : []), value];
  }
  return claims;
}

export async function remove(
  context: Context,
  { reason }: { readonly reason?: string },
  name: string,
): Outcome {
  const { ids } = await (await context.connect()).distrustPipelines({ name, reason });
  const ended = ids.length === 0 ? "No token of them was live." : `Ended at once: ${ids.join(", ")}.`;
  context.output.result({ name, ids }, [`Pipelines get no access as ${name} any more. ${ended}`]);
  return 0;
}
