import { globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { KilnError } from "../../lib/errors.ts";

/** One file of the built page. */
export interface BuiltFile {
  readonly body: Buffer;
  readonly type: string;
}

const checkout = join(import.meta.dirname, "../../..");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page by path: `/index.html` and what it loads. The launcher has built it. Throws `dashboard_missing`. */
export function builtPage(root = checkout): ReadonlyMap<string, BuiltFile> {
  const folder = join(root, "dist/dashboard");
  const files = globSync("**/*.*", { cwd: folder }).flatMap((name): [string, BuiltFile][] => {
    const type = types[extname(name)];
    return type === undefined ? [] : [[`/${name}`, { body: readFileSync(join(folder, name)), type }]];
  });
  if (files.some(([path]) => path === "/index.html")) return new Map(files);
  throw new KilnError("dashboard_missing", `The dashboard is not built: ${folder} has no page.`, {
    hint: `As a user who may write there, \`sh ${join(root, "scripts/ensure.sh")} --dashboard\` builds it, once.`,
  });
}
