import { basename, resolve } from "node:path";
import { readTextIfExists } from "../../lib/files/files.ts";
import { tidyName } from "../yaml/values.ts";
import { recogniseGo, recogniseRust } from "./binaries.ts";
import { viewFolder } from "./folder.ts";
import { recogniseNode, recognisePython } from "./programs.ts";
import { recogniseSite, starterSite } from "./site.ts";
import { withoutSupport } from "./unsupported.ts";
import { specText } from "./yaml.ts";

export interface InitialFiles {
  /** What kind of project the folder is, and what is left to do, in a sentence or two. */
  readonly about: string;
  /** Paths relative to the folder; `kiln.yaml` is the first. Only kiln.yaml may already exist: the caller checks. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

/**
 * What `kiln init` writes for a folder, depending on its content: a Go, Rust, Node.js or Python program, a site, or else a
 * starter page, with comments on what to change if the project is something else. The result is valid and can be built as
 * it is, after any compilation; the router listens on `listen`. Writes no files itself.
 */
export async function initialSpec(folder: string, listen = 8080): Promise<InitialFiles> {
  const view = await viewFolder(folder);
  const service = tidyName(basename(resolve(folder))) ?? "app";
  const recipe =
    (await recogniseGo(view, service)) ??
    (await recogniseRust(view, service)) ??
    (await recogniseNode(view)) ??
    (await recogniseSite(view)) ??
    (await recognisePython(view)) ??
    withoutSupport(view, starterSite(view));
  const text = specText(service, await debianSuite(), recipe, listen);
  const about = [recipe.about, ...(recipe.todo === undefined ? [] : [recipe.todo])].join(" ");
  return { about, files: [{ path: "kiln.yaml", text }, ...recipe.extra] };
}

/** This machine's suite if it runs Debian, because its package sources are for that suite (os-release(5)). */
async function debianSuite(): Promise<string> {
  const release = (await readTextIfExists("/etc/os-release")) ?? "";
  const isDebian = /^ID="?debian"?$/m.test(release);
  return (isDebian && /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1]) || "bookworm";
}
