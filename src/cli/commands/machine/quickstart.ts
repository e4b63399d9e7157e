import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import { createConnect } from "../../connect.ts";
import type { Context, ExitCode, Outcome } from "../../context.ts";
import { buildProject } from "../../deploy/build-progress.ts";
import { checkedRelease, deployRequest, unbuiltRelease } from "../../deploy/deploy-request.ts";
import { installSystemPackages } from "../../doctor/system-packages.ts";
import { errorLines } from "../../output/error-lines.ts";
import { formatDuration } from "../../output/units.ts";
import { openProject, type Project } from "../../project.ts";
import { cleanUp } from "../../quickstart/cleanup.ts";
import { type Intrusion, intrude, intrusionLines } from "../../quickstart/intrusion.ts";
import { type ClientLoad, startLoad } from "../../quickstart/load.ts";
import { alone, createPlayground, type Playground, playgroundBeside } from "../../quickstart/playground.ts";
import {
  type KeptPlayground,
  lostIn,
  nextLines,
  reportLines,
  type StepResult,
  verdictLine,
} from "../../quickstart/report.ts";
import { followRollout } from "../../rollout/follow.ts";
import { failureLines } from "../../rollout/summary.ts";
import { statusOf } from "../../services.ts";

interface QuickstartOptions {
  readonly keep?: boolean;
}

/** The main job in about a minute, with a real nginx in its own folder. Exit code 1 when a request was lost. */
export async function run(given: Context, options: QuickstartOptions): Outcome {
  const playground = playgroundBeside(given.state);
  requireRoot();
  const { state } = playground;
  const context = { ...given, state, connect: createConnect(given, state) };
  return alone(playground, () => play(context, playground, options));
}

async function play(context: Context, playground: Playground, options: QuickstartOptions): Outcome {
  await installSystemPackages(context);
  await cleanUp(context, playground); // leftovers of an earlier quickstart that was kept or killed
  try {
    const port = await createPlayground(playground);
    const played = await playAll(context, playground.project, port);
    if (!options.keep) await cleanUp(context, playground);
    return finish(
      context,
      played,
      options.keep ? { ...playground, address: `http://localhost:${port}` } : undefined,
    );
  } catch (error) {
    await cleanUp(context, playground).catch((failure: unknown) =>
      context.output.note(...errorLines(failure, context.output.noteStyle)),
    );
    throw error;
  }
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new KilnError(
    "not_root",
    "The quickstart runs real servers in their own network namespaces, which needs root.",
    {
      hint: "Run `sudo ./kiln quickstart`. It uses only its own folder (for root: /var/lib/kiln-quickstart), and removes everything at the end.",
    },
  );
}

async function playAll(context: Context, folder: string, port: number): Promise<Played> {
  const steps: StepResult[] = [];
  const step = async (name: string, load: ClientLoad | undefined, work: () => Promise<unknown>) => {
    context.output.note("", context.output.noteStyle.bold(`${steps.length + 1}. ${name}`));
    const begunMs = context.clock.elapsed();
    await work();
    const ms = context.clock.elapsed() - begunMs;
    const counts = await load?.take();
    steps.push({ step: name, ms, ...(counts === undefined ? {} : { load: counts }) });
    context.output.note(`  ${formatDuration(ms)}`);
  };

  let project = await openProject(folder, {}, undefined);
  const client = await context.connect();
  await checkedRelease(client, project, {});
  await step("Build the image: Debian's nginx and a site", undefined, () => build(context, project));
  await step("Deploy 3 servers", undefined, () => deploy(context, client, project));
  const pages = await editions(folder);
  const url = `http://127.0.0.1:${port}/`;
  await requirePage(url, pages[0]);
  using load = startLoad({ url, pages });
  await step("Edit the site and deploy again, under load", load, async () => {
    await writeFile(indexOf(folder), pages[1]);
    project = await openProject(folder, {}, undefined);
    await deploy(context, client, project);
    await requirePage(url, pages[1]);
  });
  await step("Roll back, under load", load, async () => {
    await rollback(context, client, project);
    await requirePage(url, pages[0]);
  });
  let intrusion: Intrusion | undefined;
  await step("Enter a server by hand, under load", load, async () => {
    intrusion = await intrude(context, client, project.spec.service);
    context.output.note(...intrusionLines(intrusion));
  });
  return { steps, intrusion };
}

interface Played {
  readonly steps: readonly StepResult[];
  readonly intrusion: Intrusion | undefined;
}

/** The page before and after the edit. */
async function editions(folder: string): Promise<readonly [string, string]> {
  const first = await readFile(indexOf(folder), "utf8");
  return [first, first.replace("</body>", "<p>The second edition.</p>\n</body>")];
}

/** Requests the page to check which edition is served. */
async function requirePage(url: string, page: string): Promise<void> {
  const response = await fetch(url);
  if ((await response.text()) === page) return;
  throw new KilnError("router_failed", `${url} answered ${response.status} with an unexpected page.`);
}

function indexOf(folder: string): string {
  return join(folder, "site/index.html");
}

function build(context: Context, project: Project) {
  return buildProject(context, project, { updateLock: false });
}

async function deploy(context: Context, client: Client, project: Project): Promise<void> {
  const built = await build(context, project);
  const release = unbuiltRelease(project.spec);
  const accepted = await client.deploy(deployRequest(project.spec, release, built));
  await untilComplete(context, client, accepted.rollout);
}

async function rollback(context: Context, client: Client, project: Project): Promise<void> {
  const accepted = await client.rollback({ service: project.spec.service });
  await untilComplete(context, client, accepted.rollout);
}

async function untilComplete(context: Context, client: Client, id: number | undefined): Promise<void> {
  if (id === undefined) return;
  const rollout = await followRollout(context, client, id);
  if (rollout.phase === "complete") return;
  const failures = (await statusOf(client, rollout.service))?.failures ?? [];
  context.output.note(
    ...failures.slice(-1).flatMap((failure) => failureLines(failure, context.output.noteStyle)),
  );
  throw new KilnError(
    "server_failed",
    `The rollout ended as ${rollout.phase}. ${rollout.reason ?? ""}`.trim(),
    {
      hint: "`kiln doctor` shows what this machine lacks.",
    },
  );
}

function finish(context: Context, { steps, intrusion }: Played, kept: KeptPlayground | undefined): ExitCode {
  const { output } = context;
  const lost = lostIn(steps);
  const place = kept && { home: kept.state.home, project: kept.project, address: kept.address };
  output.result({ steps, intrusion, lost, kept: place ?? null }, [
    "",
    ...reportLines(steps, output.style),
    "",
    verdictLine(steps, output.style),
    "",
    ...nextLines(kept),
  ]);
  return lost === 0 ? 0 : 1;
}
