import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { gitServer } from "./git-server.ts";
import { install, waitUntil, whyNoServers, writeFiles } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: git repositories that services follow, because ${why}.`);

/** Sends what a forge sends after a push; returns the status of the answer. */
async function report(url: string, secret: string): Promise<number | undefined> {
  const body = '{"ref":"refs/heads/main"}';
  const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const headers = { "content-type": "application/json", "x-hub-signature-256": signature };
  const call = request(url, { method: "POST", headers, rejectUnauthorized: false, agent: false });
  call.end(body);
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

test.skipIf(why !== undefined)(
  "a service follows a git repository: commits are deployed, broken ones are shown, and a rollback is not undone",
  async () => {
    await using kiln = await install();
    const shop = await littleService(kiln, "shop", {});
    const shows = (words: string) =>
      waitUntil(async () => (await shop.page()) === words, 120_000, `the page is ${words}`);
    const sync = (...more: readonly string[]) => kiln.run(["source", "sync", "shop", ...more]);
    await using repository = await gitServer(kiln, shop.folder);
    await shop.setPage("edition 1");
    await repository.push("First edition");
    await kiln.ok(["source", "add", "shop", "--git", repository.url, "--interval", "1h"]);
    expect(await sync()).toMatchObject({ code: 0, stdout: expect.stringContaining("release 1") });
    await shows("edition 1");

    await shop.setPage("edition 2");
    await kiln.ok(["controller", "listen", `127.0.0.1:${await freePort()}`]);
    const added = await kiln.ok(["source", "webhook", "add", "shop", "--json"]);
    const { url, secret } = JSON.parse(added.stdout) as { readonly url: string; readonly secret: string };
    const second = await repository.push("Second edition");
    expect(await report(url, "another")).toBe(401);
    expect(await report(url, secret)).toBe(202);
    await shows("edition 2");
    await kiln.ok(["wait", "shop"]);
    const log = (await kiln.ok(["audit", "--json"])).stdout;
    expect(log).toContain(`"commit":"${second}"`);
    expect(log).toContain("Ada <ada@example.com>) started a deploy of shop");

    await writeFiles(shop.folder, { "kiln.yaml": "service: shop\nimage: {form: scratch}\n" });
    await repository.push("Break it");
    const broken = await sync();
    expect(broken).toMatchObject({ code: 1, stdout: expect.stringMatching(/^ {2}kiln\.yaml:2:/m) });
    expect(await shop.page()).toBe("edition 2");
    await kiln.ok(["rollback", "--service", "shop"]);
    await shows("edition 1");
    await shop.configure({});
    await shop.setPage("edition 3");
    await repository.push("Third edition");
    expect(await sync()).toMatchObject({ code: 3, stderr: expect.stringContaining("rolled it back") });
    process.kill((await kiln.controllerPid()) ?? 0, "SIGKILL");
    expect((await kiln.ok(["status", "shop"])).stdout).toContain("does not follow its repository");
    expect(await shop.page()).toBe("edition 1");
    await repository.stop();
    await kiln.ok(["source", "resume", "shop"]);
    expect(await sync()).toMatchObject({ code: 1, stdout: expect.stringContaining("cannot be fetched") });
    repository.start();
    await waitUntil(async () => (await sync()).code === 0, 60_000, "the repository is there again");
    await shows("edition 3");
    await kiln.ok(["source", "rm", "shop"]);
    expect((await kiln.ok(["source", "ls"])).stdout).toContain("No service follows");
  },
  600_000,
);
