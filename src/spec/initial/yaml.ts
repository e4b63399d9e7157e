import type { ProjectRecipe } from "./recipe.ts";

/** The commented kiln.yaml of a recipe. */
export function specText(service: string, suite: string, recipe: ProjectRecipe, listen: number): string {
  return `# ${recipe.about} \`kiln deploy\` deploys it. All keys: docs/kiln-yaml.md of Kiln
${comments(recipe.notes(suite))}\
service: ${service}

image:
  # version: 1.0.0   # default: from git, else a counter
${baseLines(suite, recipe)}\
  files:
${recipe.files.map(({ from, to }) => `    - { from: ${scalar(from)}, to: ${scalar(to)} }\n`).join("")}\
  user: ${recipe.user}
  command: ${flow(recipe.command)}

servers:
  count: 2
  port: ${recipe.port}   # where the process listens
${envLines(recipe.env)}  memory: ${recipe.memory}
  writable: ${flow(recipe.writable)}   # in memory; everything else is read-only

health:
${recipe.http === undefined ? "  tcp: true   # better, if the service has such a path: `http: /healthz`" : `  http: ${recipe.http}`}

traffic:
  listen: ${listen}   # port of this machine
  # host: shop.example.com   # when several services share the port

rollout:
  strategy: rolling   # or blue-green, or recreate
  bake: 10s           # how long new servers must stay healthy
  drain: 30s          # how long open connections may take to finish

# \`kiln deploy --env staging\` merges this over the rest:
# environments:
#   staging:
#     servers: { count: 1 }
`;
}

function comments(lines: readonly string[], indent = ""): string {
  return lines.map((line) => `${indent}# ${line}\n`).join("");
}

function baseLines(suite: string, { from, packageNotes, packages }: ProjectRecipe): string {
  if (from === "scratch") return "  from: scratch\n";
  return `  from: debian:${suite}\n${comments(packageNotes, "  ")}  packages: ${flow(packages)}\n`;
}

function envLines(env: ProjectRecipe["env"]): string {
  const pairs = Object.entries(env).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}\n`);
  return pairs.length === 0 ? "" : `  env:\n${pairs.join("")}`;
}

function flow(items: readonly string[]): string {
  return `[${items.map(scalar).join(", ")}]`;
}

/** Plain if that is safe anywhere in YAML, otherwise in double quotes, whose escapes JSON shares. */
function scalar(text: string): string {
  return /^[A-Za-z./-][A-Za-z0-9_./-]*$/.test(text) ? text : JSON.stringify(text);
}
