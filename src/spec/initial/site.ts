import { join } from "node:path";
import { type FolderView, freeName, viewFolder } from "./folder.ts";
import type { ProjectRecipe } from "./recipe.ts";
import { nginxConf, starterPage } from "./site-files.ts";

const siteFolders = ["site", "public", "dist", "build", "_site", "www", "html"];
const webFile =
  /\.(html?|css|m?js|json|xml|txt|svg|png|jpe?g|gif|webp|avif|ico|woff2?|pdf|webmanifest|wasm|map)$/i;
const notForTheWeb = /^(package(-lock)?\.json|tsconfig.*\.json|.*\.config\.m?js|node_modules|src|tests?)$/;

/** A folder of web pages: one of the usual folders with an index.html, or an index.html right here. */
export async function recogniseSite(folder: FolderView): Promise<ProjectRecipe | undefined> {
  for (const name of siteFolders.filter((candidate) => folder.folders.has(candidate))) {
    const inside = await viewFolder(join(folder.path, name)).catch(() => undefined);
    if (inside?.files.has("index.html")) {
      return site(folder, `The pages in ${name}/, served by nginx.`, [{ from: `./${name}`, to: "/srv/www" }]);
    }
  }
  if (!folder.files.has("index.html")) return undefined;
  const pages = [...folder.folders, ...[...folder.files].filter((name) => webFile.test(name))];
  const files = pages
    .filter((name) => !notForTheWeb.test(name))
    .map((name) => ({ from: `./${name}`, to: `/srv/www/${name}` }));
  return site(folder, "The pages of this folder, served by nginx.", files);
}

/** For an unknown kind of folder: a starter page. */
export function starterSite(folder: FolderView): ProjectRecipe {
  const name = freeName(folder, "site", "www", "welcome", "kiln-site");
  const recipe = site(folder, "A starter page, served by nginx.", [{ from: `./${name}`, to: "/srv/www" }]);
  return { ...recipe, extra: [...recipe.extra, { path: `${name}/index.html`, text: starterPage }] };
}

function site(folder: FolderView, about: string, pages: ProjectRecipe["files"]): ProjectRecipe {
  const conf = freeName(folder, "nginx.conf", "kiln.nginx.conf", "nginx.kiln.conf");
  return {
    about,
    notes: () => [],
    from: "debian",
    packages: ["nginx"],
    packageNotes: [],
    files: [...pages, { from: `./${conf}`, to: "/etc/nginx/nginx.conf" }],
    user: "www-data",
    command: ["nginx", "-e", "stderr"],
    port: 8080,
    env: {},
    memory: "64MiB",
    writable: ["/tmp"],
    http: "/",
    extra: [{ path: conf, text: nginxConf }],
  };
}
