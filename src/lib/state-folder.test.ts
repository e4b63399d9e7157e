import { expect, test } from "vitest";
import { stateError } from "./state-folder.ts";

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
