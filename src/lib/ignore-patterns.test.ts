import { expect, test } from "vitest";
import { ignoreLines, matcherOf, parseIgnorePattern } from "./ignore-patterns.ts";

function matches(pattern: string, path: string): boolean | undefined {
  const parsed = parseIgnorePattern(pattern);
  return parsed && matcherOf([parsed])(path);
}

/** Behaviour that moby/patternmatcher's own tests state, and Docker's documentation; the pattern alone, without parents. */
test.each([
  // Docker's documentation, "Syntax".
  ["*/temp*", "somedir/temporary.txt", true],
  ["*/temp*", "somedir/temp", true],
  ["*/temp*", "temp", false],
  ["*/*/temp*", "somedir/subdir/temporary.txt", true],
  ["temp?", "tempa", true],
  ["temp?", "temp", false],
  ["**/*.go", "a/b/c.go", true],
  ["**/*.go", "c.go", true],
  ["*.md", "README.md", true],
  ["*.md", "docs/README.md", false],
  ["/foo/bar", "foo/bar", true],
  ["foo/bar/", "foo/bar", true],
  ["./foo//bar/../baz", "foo/baz", true],
  // Runs of stars.
  ["**", "dir/file", true],
  ["**/", "file", true],
  ["**/**", "dir/file", true],
  ["dir/**", "dir/dir2/file", true],
  ["abc/**", "abc", false],
  ["**/dir", "dir", true],
  ["**/dir", "dir/file", false],
  ["**/dir2/*", "dir/dir2/file", true],
  ["**/dir2/**", "dir/dir2/dir3/file", true],
  ["**file", "file", true],
  ["**file", "dir/dir/file", true],
  ["**/file*txt", "dir/dir/file.txt", true],
  ["**/file*.txt*", "dir/dir/file.txt", true],
  ["**/**/*.txt", "file.txt", true],
  ["**/**/*.txt2", "dir/dir/file.txt", false],
  ["a**/*.txt", "a/dir/dir/file.txt", true],
  ["a/*.txt", "a/dir/file.txt", false],
  ["a/*.txt**", "a/file.txt", true],
  ["**/.foo", "bar.foo", false],
  ["**/foo/bar", "dir/dir2/foo/bar", true],
  // Characters.
  ["a[b-d]e", "ace", true],
  ["a[b-d]e", "aae", false],
  ["a[^b-d]e", "aze", true],
  ["a[^b-d]e", "ace", false],
  ["ab[c]", "abc", true],
  ["[\\]a]", "]", true],
  ["[\\-x]", "-", true],
  ["[\\-x]", "a", false],
  ["[x\\-]", "z", false],
  ["[a-ζ]*", "α", true],
  ["a?b", "a☺b", true],
  ["a???b", "a☺b", false],
  ["a?b", "a/b", false],
  ["a*b", "a/b", false],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a\\\\", "a\\", true],
  [".*", ".foo", true],
  [".*", "foo", false],
  ["abc.def", "abcZdef", false],
  ["a(b)c/def", "a(b)c/def", true],
  ["a.|)$(}+{bc", "a.|)$(}+{bc", true],
  ["a*b*c*d*e*/f", "axbxcxdxexxx/f", true],
  ["a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false],
  ["dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true],
  ["  docs ", "docs", true],
])("%s on %s", (pattern, path, expected) => {
  expect(matches(pattern, path)).toBe(expected);
});

test.each(["!", " ! ", "[", "[^", "[^bc", "a[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[b-a]", "\\"])(
  "%s is not a pattern",
  (pattern) => {
    expect(parseIgnorePattern(pattern)).toBeUndefined();
  },
);

test("an exception, and the folders that a pattern stays in", () => {
  expect(parseIgnorePattern("! /docs/api/*.md")).toMatchObject({ exception: true, within: "docs/api" });
  expect(parseIgnorePattern("!**/README.md")).toMatchObject({ exception: true, within: "" });
  expect(parseIgnorePattern("docs")).toMatchObject({ exception: false, within: "docs" });
});

test("comments begin at the very start of a line; a byte order mark and line ends of Windows do no harm", () => {
  const lines = ignoreLines("\uFEFFa\r\n# note\n\n #b\n! /c\n");
  expect(lines).toEqual([
    { line: 1, pattern: "a\r" },
    { line: 4, pattern: " #b" },
    { line: 5, pattern: "! /c" },
  ]);
  expect(matches("a\r", "a")).toBe(true);
});

test.each([
  `${"**/".repeat(300)}a`,
  `${"**/x".repeat(200)}a`,
  `${"*x".repeat(400)}a`,
  `**/${"*?".repeat(400)}a`,
])("a pattern that is made to be tried forever is soon decided (%#)", (pattern) => {
  const begun = process.threadCpuUsage();
  expect(matches(pattern, `${"x/".repeat(1000)}${"x".repeat(255)}`)).toBe(false);
  expect(process.threadCpuUsage(begun).user).toBeLessThan(5_000_000);
});
