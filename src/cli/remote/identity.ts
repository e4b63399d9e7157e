import { KilnError } from "../../lib/errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

const limitMs = 15_000;

/**
 * The OpenID Connect token by which a pipeline proves what it is: `KILN_ID_TOKEN` (GitLab's `id_tokens`, and others), or what GitHub Actions
 * give for this audience. Throws `identity_refused` where there is none.
 */
export async function ambientIdToken(env: Env, audience: string): Promise<string> {
  const {
    ACTIONS_ID_TOKEN_REQUEST_URL: url,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: key,
    KILN_ID_TOKEN: given,
  } = env;
  if (given) return given.trim();
  if (url && key) return await fromGitHub(url, key, audience);
  throw new KilnError(
    "identity_refused",
    "KILN_CONTROLLER names a controller over the network, and nothing here proves who asks.",
    {
      hint: `In GitHub Actions, give the job \`permissions: {id-token: write}\`. In GitLab, give it \`id_tokens: {KILN_ID_TOKEN: {aud: ${audience}}}\`. People use \`kiln login\`, without KILN_CONTROLLER.`,
    },
  );
}

/** "OpenID Connect reference", docs.github.com/actions/reference/security/oidc. */
async function fromGitHub(url: string, key: string, audience: string): Promise<string> {
  try {
    const asked = new URL(url);
    asked.searchParams.set("audience", audience);
    const answer = await fetch(asked, {
      headers: { authorization: `Bearer ${key}`, accept: "application/json" },
      redirect: "error",
      signal: AbortSignal.timeout(limitMs),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const { value } = (await answer.json()) as { readonly value?: unknown };
    if (typeof value === "string") return value;
    throw new Error("the answer has no token");
  } catch (cause) {
    throw new KilnError(
      "issuer_unreachable",
      `GitHub Actions gave no token: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        hint: "The job needs `permissions: {id-token: write}`. Repeat the job if GitHub had a fault.",
        cause,
        retry: true,
      },
    );
  }
}
