import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStateFolder, stateError } from "./state-folder.ts";

const fault = (path: string) => Object.assign(new Error("EACCES"), { code: "EACCES", path });

test.each(["/home/ada/.local/state/kiln", "/home/ada/.local/state/kiln/kiln.db", "/home/ada/.local"])(
  "no permission for %s is reported as a problem of the state folder",
  (path) => {
    expect(stateError("/home/ada/.local/state/kiln", fault(path))).toMatchObject({
      code: "state_unwritable",
    });
  },
);

test("an error elsewhere stays unchanged", () => {
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

describe("a state folder that someone else controls is refused", () => {
  const uid = process.getuid?.() ?? -1;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync("/tmp/kiln-state-");
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const open = (home: string) => () => openStateFolder({ KILN_HOME: home });
  const untrusted = expect.objectContaining({ code: "state_untrusted", exitCode: 3 });

  test("the user's own folder is accepted", () => {
    expect(open(folder)().home).toBe(folder);
    expect(open(join(folder, "new/one"))().home).toBe(join(folder, "new/one"));
  });

  test.each([0o777, 0o770, 0o702, 0o1777])("written by others (%o)", (mode) => {
    chmodSync(folder, mode);
    expect(open(folder)).toThrow(untrusted);
  });

  test("in a folder where everyone can replace it", () => {
    mkdirSync(join(folder, "own"), { mode: 0o700 });
    chmodSync(folder, 0o777);
    expect(open(join(folder, "own"))).toThrow(untrusted);
    expect(open(join(folder, "new"))).toThrow(untrusted);
    chmodSync(folder, 0o1777);
    expect(open(join(folder, "own"))().home).toBe(join(folder, "own"));
  });

  test.runIf(uid === 0)("owned by another user, or below a folder of another user's", () => {
    mkdirSync(join(folder, "own"), { mode: 0o700 });
    chownSync(folder, 65534, 65534);
    expect(open(folder)).toThrow(untrusted);
    expect(open(join(folder, "own"))).toThrow(untrusted);
    expect(openStateFolder({ KILN_HOME: folder }, 65534).home).toBe(folder);
  });
});
