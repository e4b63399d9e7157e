/**
 * Makes the pictures of the dashboard in docs/pictures, from a real controller with real servers in each state:
 *
 *   npm run pictures              those that the docs show
 *   npm run pictures -- FOLDER    every view, light, dark and narrow, to look at
 *
 * Needs root, Chromium, and pngquant (Debian's packages of these names). Whether it succeeds, fails, is stopped or
 * takes too long: nothing of it is left on the machine.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { exec } from "../../src/lib/process/exec.ts";
import { type Dashboard, openBrowser, openDashboard, settled, whyNoBrowser } from "../e2e/browser.ts";
import { whyNoServers } from "../e2e/harness.ts";
import { makeStage, type Stage, touchedService } from "./stage.ts";

interface Scene {
  readonly name: string;
  readonly path: string;
  /** What is done on the page before the picture is taken. */
  readonly act?: (page: Page) => Promise<void>;
  /** How the docs show it. Absent: they do not. */
  readonly look?: keyof typeof looks;
}

const looks = {
  light: { theme: "light", width: 1280 },
  dark: { theme: "dark", width: 1280 },
  narrow: { theme: "light", width: 360 },
} as const;

/** Taller pages are cut there: what matters is at the top. */
const mostHeight = { docs: 1100, every: 4000 };

/** For all of it. With a load of 10 on two cores it takes two and a half minutes, with one of 35 seven. */
const limitMs = 900_000;

const docs = new URL("../../docs/pictures", import.meta.url).pathname;

function scenesOf({ rollouts, touched }: Stage): readonly Scene[] {
  return [
    { name: "now", path: "/", look: "light" },
    { name: "service", path: "/s/shop.staging", look: "light" },
    { name: "plan", path: "/s/shop.staging", act: openPlan, look: "light" },
    { name: "rollout", path: `/s/search/rollouts/${rollouts.search}`, look: "dark" },
    { name: "rollout-failed", path: `/s/billing/rollouts/${rollouts.billing}`, look: "light" },
    { name: "drift", path: "/drift", look: "light" },
    { name: "server", path: `/s/${touchedService}/servers/${touched}` },
    { name: "source", path: "/s/docs", look: "light" },
    { name: "promotion", path: "/promotion", look: "light" },
    { name: "timeline", path: "/timeline", look: "light" },
    { name: "logs", path: "/logs/search", act: seeLines, look: "light" },
    { name: "figures", path: "/figures", look: "light" },
    { name: "figures-service", path: "/figures/search" },
    { name: "access", path: "/access", look: "light" },
    { name: "narrow", path: "/", look: "narrow" },
  ];
}

async function openPlan(page: Page): Promise<void> {
  await page
    .locator(".ways")
    .getByRole("button", { name: /^Roll back to/ })
    .click();
  await page.getByText("Downtime").waitFor();
}

async function seeLines(page: Page): Promise<void> {
  await page.getByText(/ · live/).waitFor();
  await page.getByRole("log").getByText("GET").first().waitFor();
}

async function picture(
  { page, show }: Dashboard,
  { name, path, act }: Scene,
  look: keyof typeof looks,
  folder: string,
  most: number,
): Promise<void> {
  const { theme, width } = looks[look];
  await page.setViewportSize({ width, height: 900 });
  await show(path);
  await page.getByLabel("Colours").selectOption(theme);
  await act?.(page);
  await settled(page);
  await page.locator(".clock.live").waitFor();
  const height = Number(await page.evaluate("document.documentElement.scrollHeight"));
  const size = { width, height: Math.min(most, act === undefined ? height : 900) };
  await page.setViewportSize(size);
  const file = join(folder, `dashboard-${name}.png`);
  await page.screenshot({ path: file, animations: "disabled", caret: "hide" });
  await exec(["pngquant", "--force", "--strip", "--speed=1", "--output", file, "48", file]);
}

async function takeAll(stage: Stage, folder: string | undefined, signal: AbortSignal): Promise<void> {
  await using browser = await openBrowser();
  // What waits for a page ends with its browser.
  signal.addEventListener("abort", () => void browser.close());
  await using dashboard = await openDashboard(browser, stage.kiln);
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  for (const scene of scenesOf(stage)) {
    if (folder !== undefined)
      for (const look of Object.keys(looks) as (keyof typeof looks)[])
        await picture(dashboard, { ...scene, name: `${scene.name}-${look}` }, look, folder, mostHeight.every);
    else if (scene.look !== undefined) await picture(dashboard, scene, scene.look, docs, mostHeight.docs);
  }
}

/** Aborted by Ctrl-C, by `kill`, and when all takes too long: what is open is closed then as after a success. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(name, () => stop.abort(new Error(`${name}: no more pictures are made.`)));
  const late = setTimeout(
    () => stop.abort(new Error(`The pictures were not made within ${limitMs / 60_000} minutes.`)),
    limitMs,
  );
  late.unref();
  return stop.signal;
}

async function main(folder: string | undefined): Promise<void> {
  const why = whyNoServers() ?? whyNoBrowser();
  if (why !== undefined) throw new Error(`No pictures can be made: ${why}.`);
  const signal = stopSignal();
  await using stage = await makeStage(signal);
  await takeAll(stage, folder, signal);
}

/** What failed first, and what failed while the rest was closed. */
function tell(error: unknown): void {
  if (error instanceof SuppressedError) {
    tell(error.suppressed);
    tell(error.error);
  } else console.error(error instanceof Error ? error.message : error);
}

await main(process.argv[2]).catch((error) => {
  tell(error);
  process.exitCode = 1;
});
