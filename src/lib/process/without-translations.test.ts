import { expect, test } from "vitest";
import { exec } from "./exec.ts";

const hook = new URL("without-translations.ts", import.meta.url).href;

test("zod works without its translations, which are not loaded", async () => {
  const program = `
    await import(${JSON.stringify(hook)});
    const { z, locales } = await import("zod");
    const { message } = z.object({ a: z.string() }).safeParse({ a: 1 }).error.issues[0];
    console.log(JSON.stringify([Object.keys(locales), message]));
  `;
  const cwd = new URL("../../..", import.meta.url).pathname;
  const { stdout } = await exec([process.execPath, "--input-type=module", "--eval", program], { cwd });
  expect(JSON.parse(stdout)).toEqual([[], "Invalid input: expected string, received number"]);
});
