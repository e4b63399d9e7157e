import { expect, test } from "vitest";
import { aptError, fetchError } from "./apt-errors.ts";

test("an unknown package is answered with the nearest name", () => {
  const error = aptError({ stdout: "", stderr: "E: Unable to locate package ngin\n" }, [
    "nginx",
    "nix",
    "curl",
  ]);
  expect(error).toMatchObject({ code: "package_unknown", hint: "Did you mean nginx?" });
});

test("a failure gives apt's own words", () => {
  const stderr = "E: Failed to fetch http://x  Could not connect\nE: Some index files failed to download.\n";
  expect(aptError({ stdout: "", stderr })).toMatchObject({
    code: "apt_failed",
    retry: true,
    message: "apt failed: Failed to fetch http://x  Could not connect",
  });
});

test("a suite that a source does not have is named", () => {
  const stderr =
    "E: The repository 'http://deb.example.com/debian bookwurm Release' does not have a Release file.\n";
  expect(aptError({ stdout: "", stderr })).toMatchObject({
    code: "apt_failed",
    retry: false,
    message: "The package source http://deb.example.com/debian has no suite bookwurm.",
  });
});

test.each([
  ["E: Failed to fetch http://x  404  Not Found [IP: 192.0.2.1 80]", "package_gone"],
  ["E: Failed to fetch http://x  Hash Sum mismatch", "package_corrupt"],
  ["E: Failed to fetch http://x  Temporary failure resolving 'x'", "apt_failed"],
  ["E: Failed to fetch http://x  Write error - write (28: No space left on device)", "disk_full"],
])("%s is %s", (said, code) => {
  expect(fetchError("nginx", "1.0", said)).toMatchObject({ code });
});
