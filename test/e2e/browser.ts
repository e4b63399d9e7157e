import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Installation, kilnPath } from "./harness.ts";

const executablePath = "/usr/bin/chromium";

/** For whatever a page has to show: a busy machine takes its time. */
const timeout = 120_000;

/** What a browser lacks here, or undefined. */
export function whyNoBrowser(): string | undefined {
  return existsSync(executablePath) ? undefined : `there is no ${executablePath}`;
}

export async function openBrowser(): Promise<Browser> {
  // Who is stopped by a signal closes it, and what else is open.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  return await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout, ...signals });
}

/** `kiln ui` with a page of its own in the browser; other pages of its context are further tabs. */
export interface Dashboard extends AsyncDisposable {
  readonly page: Page;
  /** What the page did that its policy forbids, and what it failed at. */
  readonly wrong: readonly string[];
  /** Waits until the view at this path has its answers. */
  show(path: string): Promise<void>;
  /** Ends `kiln ui`; the page stays. */
  endUi(): Promise<void>;
}

export interface View {
  readonly width: number;
  readonly height: number;
}

/** `env`: of `kiln ui`, such as the folder of a context. */
export async function openDashboard(
  browser: Browser,
  kiln: Pick<Installation, "home">,
  { env = {}, view = { width: 1280, height: 900 } }: DashboardOptions = {},
): Promise<Dashboard> {
  await using stack = new AsyncDisposableStack();
  const ui = spawn(kilnPath, ["ui"], {
    env: { ...process.env, KILN_HOME: kiln.home, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const endUi = async () => {
    if (ui.exitCode === null && ui.kill("SIGINT")) await once(ui, "exit");
  };
  stack.defer(endUi);
  const context = await browser.newContext({ viewport: view });
  stack.defer(() => context.close());
  const page = await context.newPage();
  const wrong: string[] = [];
  page.setDefaultTimeout(timeout);
  page.on("pageerror", ({ message }) => wrong.push(message));
  page.on("console", (line) => line.type() === "error" && wrong.push(line.text()));
  await page.goto(await firstLine(ui));
  await settled(page);
  const address = page.url();
  const whole = stack.move();
  return {
    ...{ page, wrong, endUi },
    show: async (path) => {
      await page.goto(new URL(path, address).href);
      await settled(page);
    },
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

interface DashboardOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly view?: View;
}

/** Every part of the view has an answer. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByText("Asking…").first().waitFor({ state: "hidden" });
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("kiln ui has no output.");
  for await (const line of createInterface({ input: stdout })) return line;
  throw new Error("kiln ui ended without a link.");
}
