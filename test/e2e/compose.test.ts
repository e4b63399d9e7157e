import { spawnSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { install, whyNoServers } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why =
  whyNoServers() ?? (spawnSync("which", ["buildah"]).status === 0 ? undefined : "buildah is missing");
if (why !== undefined) console.log(`Skipped: a Compose file from end to end, because ${why}.`);

const dockerfile = `FROM scratch
COPY busybox /bin/busybox
USER 1000:1000
`;

test.skipIf(why !== undefined)("a service of a Compose file is taken over and deployed", async () => {
  await using kiln = await install();
  await littleService(kiln, "little"); // has a static program
  const port = await freePort();
  const compose = `services:
  page:
    build: .
    command: /bin/busybox httpd -f -p 8080 -h /www
    ports: ["127.0.0.1:${port}:8080"]
    volumes: ["./www:/www:ro"]
    healthcheck: { test: "wget -q http://localhost:8080/index.html", interval: 100ms }
    deploy: { replicas: 2 }
    logging: { driver: none }
`;
  const project = await kiln.project({
    ...{ "docker-compose.yml": compose, Dockerfile: dockerfile, "www/index.html": "from Compose" },
  });
  await copyFile(join(kiln.home, "../program/busybox"), join(project, "busybox"));
  const { stdout } = await kiln.ok(["init", "--from", "docker-compose.yml"], { cwd: project });
  expect(stdout).toContain("docker-compose.yml:9:5 page: `logging` is not taken over.");
  await kiln.ok(["deploy"], { cwd: project });
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("from Compose");
});
