import { join } from "node:path";
import { expect, test } from "vitest";
import { install, whyNoServers } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: a controller elsewhere, because ${why}.`);

interface Listed {
  readonly version: string;
  readonly digest: string;
  readonly usedBy: readonly string[];
}

test.skipIf(why !== undefined)(
  "one machine builds, and a controller elsewhere gets the image and deploys it",
  async () => {
    await using there = await install();
    await using here = await install();
    await there.ok(["controller", "start"]);
    const shop = await littleService(here, "shop", {});
    const elsewhere = { cwd: shop.folder, env: { KILN_CONTROLLER: join(there.home, "controller.sock") } };
    await shop.setPage("edition 1");
    const deployed = await here.ok(["deploy"], elsewhere);
    expect(deployed.stderr).toMatch(/Sent \d.* of the image to the controller/);
    expect(await shop.page()).toBe("edition 1");
    expect(await here.controllerPid()).toBeUndefined();
    const [image] = await there.json<readonly Listed[]>(["images"]);
    expect(image?.usedBy).toEqual(["shop release 1"]);
    expect(await here.json(["images"], elsewhere)).toEqual([image]);
    const events = (await there.ok(["audit", "--json"])).stdout;
    expect(events).toContain("image.received");
    const again = await here.ok(["deploy"], elsewhere);
    expect(again.stdout + again.stderr).toContain("Nothing to do");
    await shop.setPage("edition 2");
    await here.ok(["plan"], elsewhere);
    await here.ok(["deploy"], elsewhere);
    expect(await shop.page()).toBe("edition 2");
    await here.ok(["rollback", "--service", "shop"], elsewhere);
    expect(await shop.page()).toBe("edition 1");
    const gone = { ...elsewhere, env: { KILN_CONTROLLER: join(there.home, "none.sock") } };
    expect((await here.run(["status"], gone)).stderr).toContain("[controller_unreachable]");
  },
);
