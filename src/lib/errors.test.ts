import { expect, test } from "vitest";
import { clauseOf, errorToJson, KilnError, toKilnError } from "./errors.ts";

test("a code decides exit code and HTTP status", () => {
  const error = new KilnError("rollout_running", "A rollout is running.");
  expect([error.exitCode, error.httpStatus]).toEqual([3, 409]);
});

test("a full disk gets Kiln's own words, whatever write it stops", () => {
  const error = toKilnError(Object.assign(new Error("write"), { code: "ENOSPC", path: "/state/x" }));
  expect(error.code).toBe("disk_full");
  expect(errorToJson(error)).toMatchObject({
    retry: true,
    message: "No space left on the disk at /state/x.",
  });
});

test("a message within another sentence loses its full stop", () => {
  expect(clauseOf(new KilnError("server_failed", "There is no program x."))).toBe("There is no program x");
  expect(clauseOf(new Error("spawn failed"))).toBe("spawn failed");
});
