import { expect, test } from "vitest";
import { parseReference, pinnablePattern, referenceText } from "./reference.ts";

const hex = "ab".repeat(32);

test.each([
  ["registry.example/nginx:1.27", "https://registry.example", "nginx", "1.27", undefined],
  ["registry.example:5000/a/b-c/d__e:v1", "https://registry.example:5000", "a/b-c/d__e", "v1", undefined],
  [`registry.example/x@sha256:${hex}`, "https://registry.example", "x", undefined, `sha256:${hex}`],
  [`registry.example/x:1@sha256:${hex}`, "https://registry.example", "x", "1", `sha256:${hex}`],
  ["http://127.0.0.1:5000/x:1", "http://127.0.0.1:5000", "x", "1", undefined],
  ["http://[::1]:5000/x:1", "http://[::1]:5000", "x", "1", undefined],
  ["localhost/x:1", "https://localhost", "x", "1", undefined],
  ["docker.io/nginx:1.27", "https://registry-1.docker.io", "library/nginx", "1.27", undefined],
  ["docker.io/team/shop:1", "https://registry-1.docker.io", "team/shop", "1", undefined],
])("%s is a reference", (text, origin, repository, tag, digest) => {
  expect(parseReference(text)).toMatchObject({ origin, repository, tag, digest });
  expect(text).toMatch(new RegExp(`^${pinnablePattern}$`));
});

test.each([
  "nginx:1.27", // no host: it could be anywhere
  "library/nginx:1.27",
  "http://registry.example/x:1", // plain HTTP over a network
  "http://127.0.0.1.evil.example/x:1",
  "https://registry.example/x:1",
  "user:pw@registry.example/x:1",
  "registry.example/X:1",
  "registry.example/../x:1",
  "registry.example/x:1/../../y",
  "registry.example/x:1?y",
  `registry.example/x@sha256:${"g".repeat(64)}`,
  `registry.example/${"x".repeat(256)}:1`,
  "file:///etc/passwd",
  "registry.example:99999/x:1",
  "10.0.0.256/x:1",
  "[1::2::3]/x:1",
])("%s is not a reference", (text) => {
  expect(parseReference(text)).toBeUndefined();
});

test("a text for messages is short and has no scheme", () => {
  const reference = parseReference(`http://localhost:5000/x:1@sha256:${hex}`);
  expect(reference && referenceText(reference)).toBe("localhost:5000/x:1@sha256:abababababab…");
});
