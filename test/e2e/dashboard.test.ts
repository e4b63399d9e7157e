import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page, Request } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { type Dashboard, openBrowser, openDashboard, whyNoBrowser } from "./browser.ts";
import { gitServer } from "./git-server.ts";
import { type Installation, install, waitUntil, whyNoServers, writeFiles } from "./harness.ts";
import { answerPath, behaviours, type LittleService, littleService, setAnswer } from "./little-service.ts";

const why = whyNoServers() ?? whyNoBrowser();
if (why !== undefined) console.log(`Skipped: the dashboard in a browser, because ${why}.`);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const says = `echo '<b>begun</b>'; ${behaviours.serves}`;
const shopCommand = JSON.stringify(["/bin/busybox", "sh", "-c", says]);

/** Half of the requests go to the new release, and some failures are enough to turn back. */
const canary = `, strategy: canary, steps: [{ share: 50%, hold: 5m, analysis: { requests: 4, interval: 1s, errorRate: 10% } }]`;

describe.skipIf(why !== undefined)("the dashboard, in a browser", () => {
  let kiln: Installation;
  let shop: LittleService;
  let browser: Browser;
  let dashboard: Dashboard;
  let page: Page;

  beforeAll(async () => {
    kiln = await install("/tmp", { drifts: true });
    shop = await littleService(kiln, "shop", { bake: "1s", command: shopCommand });
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

  test("shows a canary while it fails, and says why", async () => {
    await setAnswer(shop, "echo 'Status: 500 Internal Server Error'");
    await shop.configure({ bake: "1s", command: shopCommand, rollout: canary });
    await kiln.ok(["deploy", "--no-wait"], { cwd: shop.folder });
    await dashboard.show("/s/shop");
    await page.getByRole("link", { name: "Rollout 3" }).first().click();
    await heading("Rollout 3 to release 3");
    const isShared = async () => (await statusOf(kiln)).shares.length === 2;
    await waitUntil(isShared, 120_000, "the canary has a share of the traffic");
    expect(await inBothThemes(page, "a canary at its step")).toEqual([]);
    using _ = requests(shop.port);
    await see("Rolled back");
    await see(/% failed/);
    expect(await inBothThemes(page, "a canary that turned back")).toEqual([]);
    await page.getByRole("link", { name: "shop" }).first().click();
    await heading("Release 2 serves");
    expect(await shop.page()).toBe("two");
    await view("Now");
    await heading("The newest rollout of 1 service failed");
    await see(/% failed/);
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
    expect((await statusOf(kiln)).count).toBe(1);
    await press("Cancel");
  });

  test("more tabs than a browser has connections are live by one stream, which another takes over when its tab is closed", async () => {
    const context = page.context();
    const holders = new Set<Page>();
    const note = (request: Request) => {
      if (!request.url().includes("/v1/events?follow=true")) return;
      const by = request.frame().page();
      if (by !== page) holders.add(by);
    };
    context.on("request", note);
    const address = new URL("/", page.url()).href;
    const live = async (tab: Page) => await tab.getByText("Live", { exact: true }).waitFor();
    const tabs: Page[] = [];
    for (let n = 0; n < 9; n += 1) {
      const tab = await context.newPage();
      tab.setDefaultTimeout(120_000);
      await tab.goto(address);
      await live(tab);
      tabs.push(tab);
    }
    // The first page had the stream before.
    expect([...holders]).toEqual([]);
    await page.goto("about:blank");
    await waitUntil(() => holders.size === 1, 120_000, "another tab holds the stream");
    const [holder] = holders;
    await holder?.close();
    await waitUntil(() => holders.size === 2, 120_000, "a third tab holds the stream");
    await kiln.ok(["scale", "2"], { cwd: shop.folder });
    const left = tabs.filter((tab) => tab !== holder);
    await Promise.all(left.map((tab) => tab.getByText("2 ready").first().waitFor()));
    expect(holders.size).toBe(2);
    await Promise.all(left.map(live));
    await Promise.all(left.map((tab) => tab.close()));
    context.off("request", note);
    await dashboard.show("/");
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

  test("shows who touched a server, and what took its place", async () => {
    await kiln.ok(["scale", "2"], { cwd: shop.folder });
    const ready = async () => (await statusOf(kiln)).servers.filter((one) => one.inTraffic).length === 2;
    await waitUntil(ready, 120_000, "two servers serve");
    const [server] = (await statusOf(kiln)).servers.map(({ id }) => id);
    const argv = [
      `--root=${kiln.home}/servers/.host/runc`,
      "exec",
      server ?? "",
      "/bin/busybox",
      "sleep",
      "1000",
    ];
    const intruder = spawn("runc", argv, { stdio: "ignore" });
    try {
      await view("Drift");
      await see("drift.found");
      await page.getByRole("img", { name: `${server}: the table below has the same` }).waitFor();
      await page.getByText("As a table").first().click();
      await page.getByRole("cell", { name: /^replaced: / }).waitFor();
      expect(await shop.page()).toBe("one");
    } finally {
      intruder.kill("SIGKILL");
    }
  });

  test("shows that the last commit of a branch is broken, and where", async () => {
    await using repository = await gitServer(kiln, shop.folder);
    await writeFiles(shop.folder, { "kiln.yaml": "service: shop\nimage: {form: scratch}\n" });
    await repository.push("Shorten the build");
    await kiln.ok(["source", "add", "shop", "--git", repository.url, "--interval", "1h"]);
    await kiln.run(["source", "sync", "shop"]);
    await dashboard.show("/s/shop");
    await see("Last commit not deployed");
    await see(/kiln.yaml:2:/);
  });

  test("says what a freeze holds up", async () => {
    await kiln.ok(["freeze", "none", "--reason", "incident 12", "--for", "4h"]);
    try {
      await dashboard.show("/promotion");
      const inCalendar = page.locator("svg title", { hasText: "incident 12" }).first();
      await inCalendar.waitFor({ state: "attached" });
      expect(await inBothThemes(page, "frozen")).toEqual([]);
    } finally {
      await kiln.ok(["unfreeze", "none"]);
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
      found.push(...(await inBothThemes(page, path)));
      await page.setViewportSize({ width: 360, height: 800 });
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      if (Number(wide) > 360) found.push(`${path} is ${wide} wide`);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
    expect(found.join("\n")).toBe("");
  });

  test("keeps to its policy, and fails at nothing", () => {
    // Browsers note answers as errors: the refused plan has status 409, and a look that a busy machine is too slow for 503.
    expect(dashboard.wrong.filter((text) => !/status of (409|412|503)/.test(text)).join("\n")).toBe("");
  });

  test("the controller that has answered all of this holds no more memory than it should", async () => {
    const status = readFileSync(`/proc/${await kiln.controllerPid()}/status`, "utf8");
    const mebibytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
    // 110 to 125 after two deploys (docs/benchmarks.md): this finds doubled memory, not the last MiB.
    expect(mebibytes).toBeLessThan(200);
  });

  // Last: it ends `kiln ui`, which a browser notes as an error.
  test("turns grey when nothing is heard any more", async () => {
    await page.clock.install();
    await dashboard.show("/s/shop");
    await dashboard.endUi();
    await page.clock.fastForward(30_000);
    await page.getByText("Not connected", { exact: true }).waitFor();
    await see(/Nothing was heard from the controller/);
    expect(await inBothThemes(page, "not connected")).toEqual([]);
  });
});

async function statusOf(kiln: Installation): Promise<ServiceStatus> {
  const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
  if (status === undefined) throw new Error("There is no shop.");
  return status;
}

/** Asks until it is disposed of, each time on a connection of its own. */
function requests(port: number): Disposable {
  const ask = () =>
    fetch(`http://127.0.0.1:${port}${answerPath}`, { headers: { connection: "close" } })
      .then((answer) => answer.text())
      .catch(() => undefined);
  const timer = setInterval(ask, 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** What axe finds on the page as it is. A theme changes nothing but colours. */
async function inBothThemes(page: Page, where: string): Promise<readonly string[]> {
  const colours = 'axe.run({runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}})';
  await page.getByLabel("Colours").selectOption("light");
  const light = await violations(page, where, "axe.run()");
  await page.getByLabel("Colours").selectOption("dark");
  return [...light, ...(await violations(page, `${where}, dark`, colours))];
}

/** What axe finds, one line for each rule and place. */
async function violations(page: Page, where: string, run: string): Promise<readonly string[]> {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe);
  const result = (await page.evaluate(run)) as {
    readonly violations: readonly {
      readonly id: string;
      readonly nodes: readonly { readonly html: string }[];
    }[];
  };
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${where}: ${id}: ${html.slice(0, 200)}`),
  );
}
