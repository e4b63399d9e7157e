/** Pure: what of a checkout's own files becomes another one in the npm package. */

/**
 * Of what npm needs to install it: neither scripts nor what only a checkout needs. The npm packages are in this one, as the lock file has them; npm
 * fetches the Node.js alone, for the processor that it finds.
 */
export function packageJson(text: string): string {
  const { private: _, scripts: __, devDependencies: ___, workspaces: ____, ...kept } = JSON.parse(text);
  const bundleDependencies = Object.keys(kept.dependencies);
  return `${JSON.stringify({ ...kept, bundleDependencies, os: ["linux"] }, null, 2)}\n`;
}

/** Imports and URLs of modules by the names that the modules have without types. */
export function withJavaScriptNames(code: string): string {
  return code.replace(/(\b(?:from|import|new URL)\s*\(?\s*"[^"\n]+)\.ts"/g, '$1.js"');
}
