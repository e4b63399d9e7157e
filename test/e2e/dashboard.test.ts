import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { type Dashboard, openBrowser, openDashboard, whyNoBrowser } from "./browser.ts";
import { type Installation, install, whyNoServers } from "./harness.ts";
import { behaviours, type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? whyNoBrowser();
if (why !== undefined) console.log(`Skipped: the dashboard in a browser, because ${why}.`);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(why !== undefined)("the dashboard, in a browser", () => {
  let kiln: Installation;
  let shop: LittleService;
  let browser: Browser;
  let dashboard: Dashboard;
  let page: Page;

  beforeAll(async () => {
    kiln = await install("/tmp", { drifts: true });
    const says = `echo '<b>begun</b>'; ${behaviours.serves}`;
    const command = JSON.stringify(["/bin/busybox", "sh", "-c", says]);
    shop = await littleService(kiln, "shop", { bake: "1s", command });
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await shop.setPage("two");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    browser = await openBrowser();
    dashboard = await openDashboard(browser, kiln);
    page = dashboard.page;
  });
  afterAll(async () => {
    await dashboard?.[Symbol.asyncDispose]();
    await browser?.close();
    await kiln?.[Symbol.asyncDispose]();
  });

  const see = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const heading = (name: string | RegExp) => page.getByRole("heading", { level: 1, name }).waitFor();
  const press = (name: string) => page.getByRole("button", { name }).first().click();
  const view = (name: string) => page.getByRole("navigation", { name: "Views" }).getByText(name).click();

  test("says what serves", async () => {
    await heading("The one service serves");
    await see("2 ready");
    await page.getByText("Live", { exact: true }).waitFor();
  });

  test("goes back with two clicks, the plan in view, and the log says why", async () => {
    await page.getByRole("link", { name: "shop" }).first().click();
    await heading("Release 2 serves");
    await press("Roll back to 1");
    await see("Send all traffic to release 1");
    await see("Downtime");
    await page.getByRole("textbox", { name: "Why?" }).fill("the new page is slow");
    await press("Send traffic to release 1");
    await heading("Release 1 serves");
    expect(await shop.page()).toBe("one");
    await view("Timeline");
    await see("“the new page is slow”");
  });

  test("refuses a plan that has become another one, and shows the new one", async () => {
    await dashboard.show("/s/shop");
    await heading("Release 1 serves");
    await page.getByLabel("Servers", { exact: true }).fill("3");
    await press("Scale");
    await see("Bring release 1 to 3 servers");
    await kiln.ok(["scale", "1"], { cwd: shop.folder });
    await press("Run 3 servers");
    await page.getByRole("alert").waitFor();
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    expect(status?.count).toBe(1);
    await press("Cancel");
  });

  test("follows what servers write, as text; a pause holds it, and a search finds it", async () => {
    await dashboard.show("/logs/shop");
    await page.getByRole("log").getByText("<b>begun</b>").first().waitFor();
    await press("Pause");
    await see(/ · paused/);
    await page.getByRole("searchbox", { name: "Only lines with" }).fill("nothing like it");
    await see(/^0 of .* with “nothing like it” · paused/);
    await press("Continue");
    await see(/ · live/);
  });

  test("shows who touched a server", async () => {
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    const server = status?.servers.find(({ state, release }) => state === "ready" && release === 1)?.id ?? "";
    const argv = [`--root=${kiln.home}/servers/.host/runc`, "exec", server, "/bin/busybox", "sleep", "1000"];
    const intruder = spawn("runc", argv, { stdio: "ignore" });
    try {
      await view("Drift");
      await see("drift.found");
      await see(server);
      await page.getByRole("img", { name: `${server}: the table below has the same` }).waitFor();
    } finally {
      intruder.kill("SIGKILL");
    }
  });

  test("is for everyone: axe finds nothing wrong, in both themes and on a narrow screen", async () => {
    const found: string[] = [];
    for (const path of [
      "/",
      "/s/shop",
      "/s/shop/rollouts/3",
      "/drift",
      "/timeline",
      "/figures",
      "/figures/shop",
      "/access",
      "/promotion",
      "/logs/shop",
    ]) {
      await dashboard.show(path);
      for (const theme of ["light", "dark"]) {
        await page.getByLabel("Colours").selectOption(theme);
        found.push(...(await violations(page)).map((text) => `${path} ${theme}: ${text}`));
      }
      await page.setViewportSize({ width: 360, height: 800 });
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      if (Number(wide) > 360) found.push(`${path} is ${wide} wide`);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
    expect(found.join("\n")).toBe("");
  });

  test("keeps to its policy, and fails at nothing", () => {
    // The refused plan is an answer with status 409, which browsers note as an error.
    expect(dashboard.wrong.filter((text) => !/status of (409|412)/.test(text)).join("\n")).toBe("");
  });
});

/** What axe finds, one line for each rule and place. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const result = (await page.evaluate("axe.run()")) as {
    readonly violations: readonly {
      readonly id: string;
      readonly nodes: readonly { readonly html: string }[];
    }[];
  };
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`),
  );
}
