import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dockerRegistry } from "../../../image/registry/testing.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, ControllerStatus } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const missing = ["docker-registry"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

const spec = `service: shop
image: { version: 1.4.0, from: scratch, files: [{ from: ./hello, to: /hello, mode: "0755" }], command: [/hello] }
`;

test.skipIf(missing.length > 0)(
  "what one machine builds and pushes, another one pulls and deploys, by the same digest",
  async () => {
    const folder = mkdtempSync("/tmp/kiln-");
    try {
      await using real = await dockerRegistry(join(folder, "registry"));
      writeFileSync(join(folder, "hello"), "hello\n");
      writeFileSync(join(folder, "kiln.yaml"), spec);
      const here = { cwd: folder, home: join(folder, "here") };
      const there = { cwd: folder, home: join(folder, "there") };
      const built = JSON.parse((await cli(["build", "--json"], here)).stdout);
      const name = `http://${real.host}/team/shop`;
      const pushed = await cli(["image", "push", "shop:1.4.0", name, "--json"], here);
      expect(JSON.parse(pushed.stdout)).toMatchObject({ digest: built.digest });
      const pulled = await cli(["image", "pull", `${name}:1.4.0`, "--json"], there);
      expect(JSON.parse(pulled.stdout)).toMatchObject({
        service: "shop",
        version: "1.4.0",
        digest: built.digest,
      });
      const asked: unknown[] = [];
      const client: Partial<Client> = {
        info: async () =>
          ({ readiness: { usable: true, gaps: [], facts: [] } }) as unknown as ControllerStatus,
        check: async () => ({ commit: undefined }),
        deploy: async ({ draft }) => {
          asked.push([draft.version, draft.image]);
          throw new KilnError("port_taken", "Enough is seen.");
        },
      };
      writeFileSync(join(folder, "hello"), "changed\n"); // a build would make another image
      await cli(["deploy", "--image", "1.4.0"], { ...there, client });
      await cli(["deploy", "--image", built.digest], { ...there, client });
      expect(asked).toEqual([
        ["1.4.0", built.digest],
        ["1.4.0", built.digest],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.each([
  [["image", "push", "shop:1", "shop"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/shop"], "expected a tag or a digest"],
  [["image", "pull", "http://registry.example/shop:1"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/My_Shop:1"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/a.b:1"], "--as SERVICE:VERSION"],
])("%j is wrong usage", async (argv, words) => {
  const { code, stderr } = await cli(argv, { home: "/tmp/kiln-none" });
  expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
});
