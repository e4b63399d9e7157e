import { secretsFolder } from "../../domain/spec/server-shape.ts";
import type { ServiceSpec } from "../../domain/spec/spec.ts";
import { KilnError } from "../../lib/errors.ts";
import type { ProjectFile } from "../project/project-files.ts";
import type { TarTree } from "../tar/entry.ts";
import { parentsOf, resolvePath } from "./tree.ts";

/** What servers always have in addition to their image. */
const always = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", secretsFolder];

/**
 * Symlinks of the project whose target exists on this machine but not in the image. Throws `path_escapes` with all of them
 * that lead out of the project: the user probably expected a copy of the target. Returns the others.
 */
export function checkLinks(
  files: readonly ProjectFile[],
  root: TarTree,
  spec: ServiceSpec,
): readonly ProjectFile[] {
  const links = files.filter(({ leads }) => leads !== undefined);
  if (links.length === 0) return [];
  const present = presentInServers(spec);
  const folders = new Set([...root.keys()].flatMap(parentsOf)); // layers of others may leave them out
  const nowhere = links.filter(({ to }) => {
    const path = resolvePath(root, to, { last: true });
    if (path === undefined) return true;
    const isPresent = present.some((at) => path === at || path.startsWith(`${at}/`));
    return path !== "" && !root.has(path) && !folders.has(path) && !isPresent;
  });
  const outside = nowhere.filter(({ leads }) => leads === "outside");
  if (outside.length > 0) throw leadOut(outside);
  return nowhere;
}

function presentInServers({ shape, files, secrets }: ServiceSpec): readonly string[] {
  const ofSecrets = secrets.flatMap(({ delivery }) => (delivery.kind === "file" ? [delivery.path] : []));
  return [...always, ...shape.writable, ...files.map(({ to }) => to), ...ofSecrets].map((at) => at.slice(1));
}

function leadOut(links: readonly ProjectFile[]): KilnError {
  const what = links.length === 1 ? "A symlink leads" : `${links.length} symlinks lead`;
  return new KilnError(
    "path_escapes",
    `${what} out of the project, to a path that the image does not have.`,
    {
      hint: "Add the package with that path, replace the link with a copy of its target, or leave out the link with `image.exclude`.",
      problems: links.map(({ to, link }) => {
        return { message: `/${to} points to ${link}, which is not in the image.` };
      }),
    },
  );
}
