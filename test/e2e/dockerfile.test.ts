import { spawnSync } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { install, whyNoServers } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why =
  whyNoServers() ?? (spawnSync("which", ["buildah"]).status === 0 ? undefined : "buildah is missing");
if (why !== undefined) console.log(`Skipped: a Dockerfile from end to end, because ${why}.`);

const dockerfile = `FROM scratch AS program
COPY busybox /bin/busybox
FROM program
COPY index.html /www/
USER 1000:1000
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
`;

test.skipIf(why !== undefined)("a Dockerfile is built, deployed, changed and rolled back", async () => {
  await using kiln = await install();
  await littleService(kiln, "little"); // has a static program
  const port = await freePort();
  const spec = `service: docked
image: { from: "dockerfile:./Dockerfile" }
servers: { count: 2, port: 8080 }
health: { http: /, interval: 100ms }
traffic: { listen: ${port} }
rollout: { bake: 0s }
`;
  const project = await kiln.project({ "kiln.yaml": spec, Dockerfile: dockerfile, "index.html": "one" });
  await copyFile(join(kiln.home, "../program/busybox"), join(project, "busybox"));
  const page = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
  await kiln.ok(["deploy"], { cwd: project });
  expect(await page()).toBe("one");
  expect((await kiln.ok(["deploy"], { cwd: project })).stdout).toContain("Nothing to do");
  await writeFile(join(project, "index.html"), "two");
  await kiln.ok(["deploy"], { cwd: project });
  expect(await page()).toBe("two");
  await kiln.ok(["rollback"], { cwd: project });
  expect(await page()).toBe("one");
  await writeFile(join(project, "Dockerfile"), `${dockerfile}RUN ["/bin/busybox", "false"]\n`);
  const failed = await kiln.run(["deploy"], { cwd: project });
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("[dockerfile_failed]")]);
  expect(failed.stderr).toContain("kiln.yaml:2:");
  expect(await page()).toBe("one");
});
