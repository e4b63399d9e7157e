import { expect, test } from "vitest";
import { refusalWords } from "./failure.ts";

test("an end for want of permission names the user that the program runs as", () => {
  const user = { uid: 65_532, gid: 65_532 };
  expect(refusalWords(["starting", "mkdir() /var/lib/x: Permission denied"], user)).toBe(
    "; it was refused a permission: it runs as uid 65532 and gid 65532 (`image.user`)",
  );
  expect(refusalWords(["Error: EACCES: open /data"], { uid: 0, gid: 0 })).toContain(
    "uid 0 and gid 0, without capabilities",
  );
  expect(refusalWords(["bind: address in use"], user)).toBe("");
  expect(refusalWords(["Permission denied"], undefined)).toBe("");
});
