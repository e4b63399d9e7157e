import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { install, kilnPath, waitUntil } from "./harness.ts";

test("a controller that is asked to serves its metrics on a loopback address, and commands use it meanwhile", async () => {
  const kiln = await install();
  onTestFinished(() => kiln[Symbol.asyncDispose]());
  const address = `127.0.0.1:${await freePort()}`;
  const env = { PATH: process.env.PATH, KILN_HOME: kiln.home };
  const controller = spawn(kilnPath, ["controller", "run", "--metrics", address], { env, stdio: "ignore" });
  const ended = once(controller, "exit");
  onTestFinished(async () => {
    controller.kill();
    await ended;
  });
  let text = "";
  const scraped = async () => {
    const answer = await fetch(`http://${address}/metrics`).catch(() => undefined);
    text = answer?.ok ? await answer.text() : "";
    return text !== "";
  };
  await waitUntil(scraped, 120_000, "the controller serves metrics");
  expect(text).toContain('\nkiln_target_up{target="local"} 1\n');
  expect(text).toMatch(/\nkiln_build_info\{version="[^"]+",commit="[0-9a-f]{64}"\} 1\n/);
  await kiln.ok(["target", "ls"]);
  await scraped();
  expect(text).toContain('\nkiln_api_requests_total{method="GET",route="/v1/targets",code="200"} 1\n');
});
