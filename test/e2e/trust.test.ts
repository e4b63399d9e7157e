import { join } from "node:path";
import { expect, test } from "vitest";
import { install, whyNoServers } from "./harness.ts";
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
