import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The folders and files that are held to these words. */
const areas = [
  "{src,bench,scripts,test/e2e}/**/*.{ts,tsx,txt,sh}",
  "docs/**/*.md",
  "schema/*.json",
  "examples/**/*.{yaml,js,conf}",
  "{README,CHANGELOG}.md",
  "vitest.config.ts",
];

/** What not to write, and what to write instead: the list of `CONTRIBUTING.md`. */
const phrases: readonly (readonly [RegExp, string])[] = [
  [/(?<!\bthere )\b(is|are|was|were|be) no (?!longer\b|more\b|one\b)[a-z]/i, "is not a"],
  [/\b(goes|going|go|went) on\b/i, "continue"],
  [/\b(some|any|no|every)body\b/i, "someone, anyone, no one, everyone"],
  [/\banew\b/i, "again"],
  [/\bwho(so)?ever\b/i, "anyone who"],
  [/\bbeside\b/i, "next to"],
  [/\bbehind\b/i, "after"],
  [/\bto be had\b/i, "available"],
  [/\bthose of\b/i, "a noun"],
  [/(?<!\binstead )\bof (the|its|a) [a-z]+'s own\b(?! [a-z])/i, "the server's own network"],
  [/\bwas made as\b/i, "its release"],
  [/\b(is|are|was|were) told\b(?! to\b)/i, "is reported"],
  [/\bfor ever\b/i, "forever"],
];

/** Names, not words: the user `nobody` of Unix. */
const names = /`nobody`|"nobody"|user: nobody|\/nobody|nobody:x|Nobody <nobody@/g;

/** Names in code: outside of comments and of texts in quotation marks. */
const identifiers =
  /(?<=^(?!\s*(?:\*|\/[*/]))(?:[^"'`\n]|"[^"\n]*")*)\b(beside|behind|nobody)\b(?=[.,;()[\]?]| [=}:?]|\n)/gm;

/** Each phrase in a text, with its line. Words that a line break separates are found as well. */
function found(text: string, isCode = false): readonly string[] {
  const plain = (isCode ? text.replace(identifiers, (name) => " ".repeat(name.length)) : text)
    .replace(names, (name) => " ".repeat(name.length))
    .replace(/\n[ \t]*(\*|\/\/|#)? ?/g, (end) => `\n${" ".repeat(end.length - 1)}`);
  return phrases.flatMap(([phrase, instead]) => {
    const anywhere = new RegExp(phrase.source.replaceAll(" ", "\\s+"), "gi");
    return [...plain.matchAll(anywhere)].map(
      (match) => `${plain.slice(0, match.index).split("\n").length}: "${match[0]}"; write: ${instead}`,
    );
  });
}

test("messages, comments and docs keep to plain English", () => {
  const files = areas.flatMap((area) => globSync(area));
  expect(files.length).toBeGreaterThan(300);
  const all = files.flatMap((file) =>
    found(readFileSync(file, "utf8"), /\.tsx?$/.test(file)).map((line) => `${file}:${line}`),
  );
  expect(all.join("\n")).toBe("");
});

test("a phrase is found across a line break, and a name is not a phrase", () => {
  expect(found("/**\n * The rollout goes\n * on.\n */")).toEqual(['2: "goes\n   on"; write: continue']);
  expect(found("There is no such file; `nobody` is no\nlonger a user.")).toEqual([]);
  const code = 'const behind = first("behind", behind);\n// behind it';
  expect(found(code, true)).toEqual(['1: "behind"; write: after', '2: "behind"; write: after']);
});
