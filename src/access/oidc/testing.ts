import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, type JWTHeaderParameters, SignJWT } from "jose";

/** A pair of keys, and the name under which an issuer publishes it. */
export interface TestKey {
  readonly kid: string;
  readonly pair: ReturnType<typeof rsaPair>;
}

export type TestClaims = Readonly<Record<string, unknown>>;

function rsaPair() {
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

export function aKey(kid: string): TestKey {
  return { kid, pair: rsaPair() };
}

let first: TestKey | undefined;

/** The same each time: making one takes a while. */
function usualKey(): TestKey {
  first ??= aKey("key-1");
  return first;
}

/** A JSON Web Token with these claims, signed as the header says. */
export async function signed(
  claims: TestClaims,
  { kid, pair }: TestKey,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  return await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid, ...header })
    .sign(pair.privateKey);
}

/** What jobs get when they ask for a token. */
interface TokenSource {
  claims: (audience: string) => TestClaims;
}

const requestKey = "key-of-the-job";

/** An issuer on this machine, that publishes what OpenID Connect Discovery 1.0 asks for. */
export async function anIssuer() {
  const key = usualKey();
  const published = [key];
  const asked: string[] = [];
  const answers: Record<string, (url: string) => unknown> = {
    "/.well-known/openid-configuration": (url) => ({ issuer: url, jwks_uri: `${url}/jwks` }),
    "/jwks": async () => ({
      keys: await Promise.all(
        published.map(async ({ kid, pair }) => ({
          ...(await exportJWK(pair.publicKey)),
          ...{ kid, use: "sig", alg: "RS256" },
        })),
      ),
    }),
  };
  const tokens: TokenSource = { claims: (audience) => githubClaims(url, audience, Date.now()) };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", url);
    asked.push(pathname);
    const isPipeline = request.headers.authorization === `Bearer ${requestKey}`;
    if (pathname === "/token" && isPipeline && searchParams.get("api-version") === "2.0") {
      const value = await signed(tokens.claims(searchParams.get("audience") ?? ""), key);
      return void response.end(JSON.stringify({ value }));
    }
    const answer = await answers[pathname]?.(url);
    if (answer === undefined) return void response.writeHead(404).end();
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, key, published, answers, asked, tokens },
    /** What a job of GitHub Actions has with `permissions: id-token: write`. */
    job: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestKey,
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What every token has. */
function usual(issuer: string, audience: string, nowMs: number) {
  const now = Math.floor(nowMs / 1_000);
  return { iss: issuer, aud: audience, jti: randomUUID(), iat: now, nbf: now - 5, exp: now + 300 };
}

/** All claims of a token of GitHub Actions, as docs.github.com/actions/reference/security/oidc shows them: text throughout. */
export function githubClaims(issuer: string, audience: string, nowMs: number): TestClaims {
  return {
    ...usual(issuer, audience, nowMs),
    ...{ sub: "repo:acme/shop:environment:production", environment: "production", ref: "refs/heads/main" },
    ...{ sha: "1f2e3d4c5b6a79880716253443526170896a5b4c", repository: "acme/shop", repository_owner: "acme" },
    ...{ actor_id: "12", repository_visibility: "private", repository_id: "74", repository_owner_id: "65" },
    ...{ run_id: "30433642", run_number: "10", run_attempt: "2", runner_environment: "github-hosted" },
    ...{ actor: "ada", workflow: "deploy", head_ref: "", base_ref: "", event_name: "push" },
    ...{
      ref_type: "branch",
      ref_protected: "true",
      check_run_id: "41",
      enterprise: "acme",
      enterprise_id: "3",
    },
    workflow_ref: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    workflow_sha: "1f2e3d4c5b6a79880716253443526170896a5b4c",
    job_workflow_ref: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    job_workflow_sha: "1f2e3d4c5b6a79880716253443526170896a5b4c",
  };
}

/** All claims of an ID token of GitLab CI, as docs.gitlab.com/ci/secrets/id_token_authentication shows them. */
export function gitlabClaims(issuer: string, audience: string, nowMs: number): TestClaims {
  return {
    ...usual(issuer, audience, nowMs),
    ...{ namespace_id: "72", namespace_path: "acme", project_id: "20", project_path: "acme/shop" },
    ...{ user_id: "1", user_login: "grace", user_email: "grace@example.com", user_access_level: "developer" },
    ...{ pipeline_id: "574", pipeline_source: "push", job_id: "302", ref: "main", ref_type: "branch" },
    ...{
      ref_path: "refs/heads/main",
      ref_protected: "true",
      runner_id: 1,
      runner_environment: "self-hosted",
    },
    ...{ groups_direct: ["acme"], environment: "production", environment_protected: "true" },
    ...{ deployment_tier: "production", environment_action: "start", project_visibility: "private" },
    ...{
      sha: "714a629c0b401fdce83e847fc9589983fc6f46bc",
      ci_config_sha: "714a629c0b401fdce83e847fc9589983fc6f46bc",
    },
    ...{ user_identities: [], sub: "project_path:acme/shop:ref_type:branch:ref:main" },
    ci_config_ref_uri: "gitlab.example.com/acme/shop//.gitlab-ci.yml@refs/heads/main",
  };
}
