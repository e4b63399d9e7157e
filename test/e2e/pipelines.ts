import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parse, parseAllDocuments } from "yaml";

type Texts = Readonly<Record<string, string>>;

const contrib = new URL("../../contrib", import.meta.url).pathname;

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly runs: { readonly steps: readonly { readonly run: string; readonly env: Texts }[] };
}

/** Runs the steps of the composite action, as a runner of GitHub Actions does. Returns what they print; throws when one fails. */
export async function runAction(inputs: Texts, env: Texts, cwd: string): Promise<string> {
  const folder = join(contrib, "github-action");
  const action = parse(readFileSync(join(folder, "action.yml"), "utf8")) as Action;
  const given = withDefaults(action.inputs, inputs);
  let printed = "";
  for (const step of action.runs.steps) {
    const own = Object.entries(step.env).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\{ inputs\.(\w+) \}\}/g, (_, input: string) => given[input] ?? ""),
    ]);
    printed += await bash(step.run, { ...env, ...Object.fromEntries(own), GITHUB_ACTION_PATH: folder }, cwd);
  }
  return printed;
}

interface Component {
  readonly spec: { readonly inputs: Readonly<Record<string, { readonly default?: string }>> };
}

interface GitLabJob {
  readonly id_tokens: Readonly<Record<string, { readonly aud: string }>>;
  readonly variables: Texts;
  readonly script: readonly string[];
}

/** Runs the job of the component, as GitLab's shell runner does. `idToken`: what the job gets for an audience. */
export async function runComponent(
  inputs: Texts,
  env: Texts,
  cwd: string,
  idToken: (audience: string) => Promise<string>,
): Promise<string> {
  const written = readFileSync(join(contrib, "gitlab/templates/kiln-deploy.yml"), "utf8");
  const [component] = documentsOf(written) as [Component];
  const given = withDefaults(component.spec.inputs, inputs);
  const filled = written.replaceAll(/\$\[\[ inputs\.(\w+) \]\]/g, (_, input: string) => given[input] ?? "");
  const [, jobs] = documentsOf(filled) as [Component, Readonly<Record<string, GitLabJob>>];
  const [job] = Object.values(jobs);
  if (job === undefined) throw new Error("The component has no job.");
  const tokens: Record<string, string> = {};
  for (const [name, { aud }] of Object.entries(job.id_tokens)) tokens[name] = await idToken(aud);
  return await bash(job.script.join("\n"), { ...env, ...job.variables, ...tokens }, cwd);
}

function documentsOf(written: string): unknown {
  return parseAllDocuments(written).map((document) => document.toJS());
}

function withDefaults(known: Readonly<Record<string, { readonly default?: string }>>, inputs: Texts): Texts {
  const missing = Object.entries(known).filter(
    ([name, { default: usual }]) => usual === undefined && inputs[name] === undefined,
  );
  if (missing.length > 0) throw new Error(`Missing inputs: ${missing.map(([name]) => name).join(", ")}`);
  return {
    ...Object.fromEntries(Object.entries(known).map(([name, { default: usual = "" }]) => [name, usual])),
    ...inputs,
  };
}

async function bash(script: string, env: Texts, cwd: string): Promise<string> {
  const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
    ...{ cwd, env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: "1", ...env } },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  if (code === 0) return stdout + stderr;
  throw new Error(`The pipeline failed with ${code}:\n${stdout}\n${stderr}`);
}
