import { defineConfig } from "vite";
import { shell } from "./shell.ts";

const place = '<div id="app"></div>';

/** The dashboard: nothing inline, so that the strictest content security policy holds; no polyfills. */
export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../.cache/vite",
  logLevel: "warn",
  build: {
    outDir: "../../dist/dashboard",
    emptyOutDir: true,
    target: "es2024",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // the first with light-dark()
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  plugins: [
    {
      name: "shell",
      transformIndexHtml: (html) => {
        const [before, after, ...more] = html.split(place);
        if (after === undefined || more.length > 0) throw new Error(`index.html has no single ${place}.`);
        return `${before}<div id="app">${shell()}</div>${after}`;
      },
    },
  ],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
