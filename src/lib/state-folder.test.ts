import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { openStateFolder, stateError } from "./state-folder.ts";

const fault = (path: string) => Object.assign(new Error("EACCES"), { code: "EACCES", path });

test.each(["/home/ada/.local/state/kiln", "/home/ada/.local/state/kiln/kiln.db", "/home/ada/.local"])(
  "no permission for %s is told of the state folder",
  (path) => {
    expect(stateError("/home/ada/.local/state/kiln", fault(path))).toMatchObject({
      code: "state_unwritable",
    });
  },
);

test("a fault elsewhere is left as it is", () => {
  const elsewhere = fault("/etc/shadow");
  expect(stateError("/home/ada/.local/state/kiln", elsewhere)).toBe(elsewhere);
});

test("a relative KILN_HOME is refused with an absolute one to take instead", () => {
  expect(() => openStateFolder({ KILN_HOME: "x/kiln" })).toThrow(
    expect.objectContaining({
      ...{ code: "usage", exitCode: 2 },
      hint: `For example KILN_HOME=${resolve("x/kiln")}.`,
    }),
  );
  expect(openStateFolder({ KILN_HOME: "/x/./kiln" }).home).toBe("/x/kiln");
});

test("a relative XDG_STATE_HOME is ignored, as its specification says", () => {
  expect(openStateFolder({ XDG_STATE_HOME: "/x" }, 1000).home).toBe("/x/kiln");
  expect(openStateFolder({ XDG_STATE_HOME: "x" }, 1000).home).toBe(join(homedir(), ".local/state/kiln"));
});
