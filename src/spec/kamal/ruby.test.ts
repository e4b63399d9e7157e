import { expect, test } from "vitest";
import { readRuby, withoutRuby } from "./ruby.ts";

function read(text: string) {
  const template = withoutRuby(text);
  expect(template.text).toHaveLength(text.length);
  return readRuby(template.text, template);
}

test("a default of Ruby is its value; what only Ruby knows is named", () => {
  expect(read(`<%= ENV["A"] || "one" %>`)).toEqual({ text: "one", unknown: [] });
  expect(read(`x-<%= ENV.fetch('A', 'two') -%>-y`)).toEqual({ text: "x-two-y", unknown: [] });
  expect(read(`<%= ENV.fetch("A") { 3 } %>`)).toEqual({ text: "", unknown: [`ENV.fetch("A") { 3 }`] });
  expect(read(`<%= "a#{b}" %>`)).toEqual({ text: "", unknown: [`"a#{b}"`] });
  expect(read("Ruby7___ stays")).toEqual({ text: "Ruby7___ stays", unknown: [] });
});

test("what is never closed stays, and is read once", () => {
  const text = "<%".repeat(500_000);
  expect(withoutRuby(text).text).toBe(text);
});

test("statements are blank, and lines keep their numbers", () => {
  const text = "<% a.each do |b|\n %>\n- <%= b %>\n<% end %>\n";
  const { text: without } = withoutRuby(text);
  expect(without.split("\n").map((line) => line.trim().slice(0, 6))).toEqual(["", "", "- Ruby", "", ""]);
});
