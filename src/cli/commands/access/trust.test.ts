import { expect, test } from "vitest";
import { accessAnswered } from "../../../api/contract/access/testing.ts";
import type { Client } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const base = ["access", "trust", "add", "shop-ci", "--role", "deployer", "--service", "shop"];

async function add(...more: string[]) {
  const asked: unknown[] = [];
  const client: Partial<Client> = {
    trustPipelines: async (one) => {
      asked.push(one);
      return { controllers: ["kiln1.kiln.example.com:7443.PIN"] };
    },
  };
  return { asked, ...(await cli([...base, ...more], { client })) };
}

test("a rule for GitHub, and what the job then needs", async () => {
  const { asked, stdout } = await add(
    "--github",
    "--claim",
    "repository_id=74",
    "--claim",
    "ref=refs/heads/main",
    "--claim",
    "ref=refs/tags/v*",
  );
  expect(asked).toEqual([
    {
      name: "shop-ci",
      issuer: { kind: "github", url: "https://token.actions.githubusercontent.com", isPrivate: false },
      claims: { repository_id: ["74"], ref: ["refs/heads/main", "refs/tags/v*"] },
      grants: [{ role: "deployer", services: ["shop"], environments: ["*"] }],
      reason: undefined,
    },
  ]);
  expect(stdout).toContain(
    "with repository_id=74, ref=refs/heads/main or refs/tags/v* become deployer of shop",
  );
  expect(stdout).toContain('env: {KILN_CONTROLLER: "kiln1.kiln.example.com:7443.PIN"}');
});

test("a rule for a GitLab of one's own in a private network", async () => {
  const { asked, stdout } = await add(
    "--gitlab",
    "https://gitlab.example.com",
    "--private",
    "--claim",
    "project_id=7",
  );
  expect(asked).toMatchObject([
    { issuer: { kind: "gitlab", url: "https://gitlab.example.com", isPrivate: true } },
  ]);
  expect(stdout).toContain("id_tokens: {KILN_ID_TOKEN: {aud: $KILN_CONTROLLER}}");
});

test.each([
  [[], "for one issuer"],
  [["--github", "--issuer", "https://ci.example.com"], "for one issuer"],
  [["--github", "--claim", "repository_id"], "--claim repository_id has no value"],
  [["--github", "--claim", "=74"], "--claim =74 has no value"],
])("%j is refused", async (more, message) => {
  const { code, stderr, asked } = await add(...more);
  expect([code, asked]).toEqual([2, []]);
  expect(stderr).toContain(message);
});

test("`kiln access ls` shows rules", async () => {
  const { access } = accessAnswered;
  const { stdout } = await cli(["access", "ls"], { client: { access: async () => await access({}) } });
  expect(stdout).toMatch(
    /shop-ci +https:\/\/issuer.example.com +repository_id=74 +deployer of shop in production +root/,
  );
});
