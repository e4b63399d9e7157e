import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Override, PolicyFile } from "../../../domain/policy/policy.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, formatTime, plural } from "../../output/units.ts";
import { freezeLines } from "./freeze.ts";

interface ReasonOptions {
  readonly reason?: string;
}

export async function show(context: Context): Outcome {
  const policies = await (await context.connect()).policies();
  const { file, freezes, overrides } = policies;
  const nowMs = context.clock.now();
  const parts = [fileLines(file), freezeLines(freezes, nowMs), overrideLines(overrides, nowMs)];
  const lines = parts
    .filter((part) => part.length > 0)
    .flatMap((part, i) => (i === 0 ? part : ["", ...part]));
  context.output.result(policies, lines);
  return 0;
}

function fileLines(file: PolicyFile | undefined): readonly string[] {
  if (file === undefined)
    return ["There is no policy file. `kiln policy set FILE` sets one; docs/policy.md has an example."];
  const { name, text, setAtMs, setBy } = file;
  const heading = `# ${plainText(name)}, set by ${plainText(setBy)} at ${formatTime(setAtMs)}`;
  return [heading, ...text.trimEnd().split("\n").map(plainText)];
}

function overrideLines(overrides: readonly Override[], nowMs: number): readonly string[] {
  if (overrides.length === 0) return [];
  const rows = overrides.map(({ rollout, service, by, reason, atMs, review }) => [
    `${rollout}`,
    service,
    `${formatAge(nowMs - atMs)} ago, by ${plainText(by)}: ${plainText(reason)}`,
    review === undefined ? "due" : `by ${plainText(review.by)}: ${plainText(review.reason)}`,
  ]);
  return table(["ROLLOUT", "SERVICE", "BEGAN AGAINST POLICIES", "REVIEW"], rows);
}

export async function set(context: Context, { reason }: ReasonOptions, path: string): Outcome {
  const text = await readText(resolve(context.cwd, path));
  const client = await context.connect();
  const file = await client.setPolicy({ name: basename(path), text, reason });
  context.output.result(file, [
    `The policy file ${plainText(file.name)} holds from the next deploy on: ${plural(file.rules.length, "rule")}.`,
  ]);
  return 0;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KilnError("file_missing", `${path} cannot be read: ${String(cause)}`, {
      hint: "Name a policy file; docs/policy.md has an example.",
      cause,
    });
  }
}

export async function testFile(context: Context, _options: object, path: string): Outcome {
  const text = await readText(resolve(context.cwd, path));
  const deploys = await (await context.connect()).testPolicy({ name: basename(path), text });
  const refused = deploys.filter((deploy) => deploy.refused.length > 0);
  const rows = refused.flatMap(({ rollout, service, atMs, by, refused: rules }) =>
    rules.map(({ place = "", because }) => [
      `${rollout}`,
      service,
      formatTime(atMs),
      plainText(by),
      `${place}: ${plainText(because)}`,
    ]),
  );
  context.output.result(deploys, [
    ...(rows.length === 0 ? [] : table(["ROLLOUT", "SERVICE", "AT", "BY", "REFUSED BY"], rows)),
    `${plainText(basename(path))} would have refused ${refused.length} of ${plural(deploys.length, "recorded deploy")}.`,
  ]);
  return 0;
}

export async function approve(
  context: Context,
  { reason, service }: ReasonOptions & { readonly service?: string },
  plan: string,
): Outcome {
  const approval = await (await context.connect()).approve({ plan, service, reason });
  context.output.result(approval, [`Approved by ${plainText(approval.by)}: ${plan}.`]);
  return 0;
}

export async function remove(context: Context, { reason }: ReasonOptions): Outcome {
  await (await context.connect()).removePolicy({ reason });
  context.output.result({}, ["There is no policy file any more. Freezes and image policies stay."]);
  return 0;
}

export async function review(
  context: Context,
  { reason }: { readonly reason: string },
  rollout: number,
): Outcome {
  const override = await (await context.connect()).review({ rollout, reason });
  context.output.result(override, [
    `Reviewed: rollout ${rollout} of ${override.service}, which ${plainText(override.by)} began against policies.`,
  ]);
  return 0;
}
