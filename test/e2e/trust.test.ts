import { join } from "node:path";
import { expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { install, waitUntil, whyNoServers } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: image policies from end to end, because ${why}.`);

interface Serving {
  readonly serving?: { readonly number: number; readonly admission?: { readonly rules: readonly object[] } };
}

test.skipIf(why !== undefined)(
  "a controller that trusts one key runs what that key has signed on another machine, and nothing else",
  async () => {
    await using there = await install();
    await using here = await install();
    await there.ok(["controller", "start"]);
    const shop = await littleService(here, "shop", {});
    const elsewhere = { cwd: shop.folder, env: { KILN_CONTROLLER: join(there.home, "controller.sock") } };
    await here.ok(["image", "key", "release.key"], elsewhere);
    await there.ok(["trust", "add", "release", join(shop.folder, "release.key.pub")]);
    await there.ok(["trust", "require", "release"]);
    await shop.setPage("edition 1");
    for (const command of ["plan", "deploy"]) {
      const refused = await here.run([command], elsewhere);
      expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining("[image_refused]") });
    }
    const [image] = await here.json<readonly { readonly digest: string }[]>(["images"], { cwd: shop.folder });
    const digest = image?.digest ?? "";
    await here.ok(["image", "sign", digest, "--key", "release.key"], elsewhere);
    await here.ok(["deploy"], elsewhere); // sends the signature along
    expect(await shop.page()).toBe("edition 1");
    const [status] = await there.json<readonly Serving[]>(["status"]);
    expect(status?.serving?.admission?.rules).toMatchObject([{ passed: true, mode: "enforce" }]);
    expect((await here.ok(["plan"], elsewhere)).stdout).toContain("Nothing would change");
    await there.ok(["trust", "revoke", "release", "--reason", "a drill"]);
    await there.ok(["trust", "require", "release", "--mode", "warn"]);
    await shop.setPage("edition 2");
    const warned = await here.ok(["deploy"], elsewhere);
    expect(warned.stderr).toContain("warning: no valid signature by release");
    expect(await shop.page()).toBe("edition 2");
    await there.ok(["trust", "require", "release"]);
    const back = await here.run(["rollback", "--service", "shop"], elsewhere);
    expect(back).toMatchObject({ code: 3, stderr: expect.stringMatching(/which .* revoked: a drill/) });
    expect(await shop.page()).toBe("edition 2");
    const log = (await there.ok(["audit", "--json", "--tail", "all"])).stdout;
    for (const kind of ["trust.added", "trust.required", "trust.revoked"]) expect(log).toContain(kind);
    expect(log).not.toContain("PRIVATE KEY");
  },
);

test.skipIf(why !== undefined)(
  "a revoked image serves on, and starts no server in any way, nor does what is built on it",
  async () => {
    await using kiln = await install();
    const shop = await littleService(kiln, "shop");
    const at = { cwd: shop.folder };
    const refused = async (args: readonly string[], options = at) =>
      expect(await kiln.run(args, options)).toMatchObject({
        ...{ code: 3, stderr: expect.stringMatching(/\[image_revoked\].*CVE-2026-1/) },
      });
    const status = async () => (await kiln.json<readonly ServiceStatus[]>(["status", "shop"]))[0];
    const ready = async () => (await status())?.servers.filter(({ state }) => state === "ready") ?? [];
    await kiln.ok(["deploy"], at);
    await shop.setPage("two");
    await kiln.ok(["deploy"], at);
    await kiln.ok(["channel", "set", "shop/stable", "2"]);
    const project = await kiln.project({
      "kiln.yaml": 'service: web\nimage: { from: "channel:shop/stable" }\nservers: { count: 1 }\n',
    });
    await kiln.ok(["build"], { cwd: project });

    await kiln.ok(["image", "revoke", "shop:2", "--reason", "CVE-2026-1"]);
    expect(await shop.page()).toBe("two");
    expect((await kiln.ok(["status", "shop"])).stdout).toContain("was revoked by");
    await refused(["deploy"]);
    await refused(["scale", "3", "--service", "shop"]);
    await refused(["deploy"], { cwd: project }); // by the manifest of what was built before
    await refused(["build", "--update"], { cwd: project });
    expect(await kiln.run(["image", "rm", "shop:2"])).toMatchObject({ code: 3 });

    const [first, second] = await ready();
    await exec(["runc", `--root=${kiln.home}/servers/.host/runc`, "kill", first?.id ?? "", "KILL"]);
    const isMissed = async () =>
      (await status())?.failures.some(({ reason }) => reason.includes("was revoked by")) ?? false;
    await waitUntil(isMissed, 120_000, "the failed server could not be replaced");
    expect((await ready()).map(({ id }) => id)).toEqual([second?.id]);
    expect(await shop.page()).toBe("two");

    await kiln.ok(["rollback", "--service", "shop"]);
    expect(await shop.page()).toBe("one");
    expect(await ready()).toHaveLength(2);
    await refused(["rollback", "2", "--service", "shop"]);
    const digest = (await kiln.json<readonly { readonly digest: string }[]>(["image", "revoked"]))[0]?.digest;
    await kiln.ok(["image", "unrevoke", digest?.slice(0, 19) ?? "", "--reason", "a mistake"]);
    await kiln.ok(["rollback", "2", "--service", "shop"]);
    expect(await shop.page()).toBe("two");
  },
);
