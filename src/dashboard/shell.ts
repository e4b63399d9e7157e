import { shapes } from "./parts/shapes.ts";
import { pathOf, tabs } from "./route.ts";

/** What a browser shows before the script runs: the page's frame, as `App` renders it then. Part of the built page. */
export function shell(): string {
  const icon = `<svg class="icon kiln" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path fill-rule="evenodd" d="${shapes.kiln}"/></svg>`;
  const links = tabs.map(([name, to]) => `<a href="${pathOf(to)}">${name}</a>`).join("");
  return [
    '<div class="app connecting"><header class="top">',
    `<a class="brand" href="/" aria-label="Kiln, to Now">${icon}<span>Kiln</span></a>`,
    `<nav aria-label="Views">${links}</nav>`,
    '</header><main id="main"><p class="quiet wait">Asking…</p></main></div>',
  ].join("");
}
