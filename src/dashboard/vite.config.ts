import { defineConfig } from "vite";
import { shell } from "./shell.ts";

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
      transformIndexHtml: (html) => html.replace('<div id="app"></div>', `<div id="app">${shell()}</div>`),
    },
  ],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
