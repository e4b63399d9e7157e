import { expect, test } from "vitest";
import { withNames } from "./dockerfile-base.ts";
import { stageImages } from "./dockerfile-stages.ts";

const hex = "ab".repeat(32);

test.each([
  ["FROM nginx", ["docker.io/nginx:latest"]],
  ["FROM team/shop:1.2 AS x", ["docker.io/team/shop:1.2"]],
  ["from registry.example/a/b:1 as build\nFROM build\nFROM Build AS y", ["registry.example/a/b:1"]],
  [`FROM registry.example/x@sha256:${hex}`, [`registry.example/x@sha256:${hex}`]],
  ["FROM scratch\nCOPY --from=0 /a /b", []],
  ["# FROM a\n\n  FROM --platform=linux/amd64 debian:12", ["docker.io/debian:12"]],
  [
    `ARG V=1.27\nFROM nginx:\${V}\nARG V=2\nFROM nginx:$V-x`,
    ["docker.io/nginx:1.27", "docker.io/nginx:1.27-x"],
  ],
  [`ARG V\nFROM nginx:\${V:-3}`, ["docker.io/nginx:3"]],
  ["FROM a:1\nRUN <<EOF\nFROM b:1\nEOF\nFROM c:1", ["docker.io/a:1", "docker.io/c:1"]],
  ["FROM a:1\nRUN echo \\\n  # a comment\nFROM b:1", ["docker.io/a:1"]],
  ["# escape=`\nFROM a:1\nRUN C:\\\nFROM b:1\nRUN `\nFROM c:1", ["docker.io/a:1", "docker.io/b:1"]],
  ["# syntax=x\r\n#Escape = `\r\nFROM a:1\r\nRUN \\\r\nFROM b:1", ["docker.io/a:1", "docker.io/b:1"]],
  ["FROM a:1\n# escape=`\nRUN \\\nFROM b:1", ["docker.io/a:1"]],
  ["# a comment\n# escape=`\nFROM a:1\nRUN \\\nFROM b:1", ["docker.io/a:1"]],
])("%j builds on %j", (text, references) => {
  const found = stageImages(text);
  expect(found.unreadable).toEqual([]);
  expect(found.images.map(({ reference }) => reference)).toEqual(references);
});

test.each([
  ["FROM", [1]],
  ["RUN <<A <<B\nFROM\nA\nFROM\nB\nFROM", [6]],
  ["FROM \\\n nginx", [1]],
  [`FROM nginx:\${V}`, [1]],
  ["FROM a:1\nFROM Nginx:1", [2]],
  ["FROM a b c", [1]],
])("%j cannot be read in lines %j", (text, lines) => {
  expect(stageImages(text).unreadable.map(({ line }) => line)).toEqual(lines);
});

test("only the names of images change, whatever stands around them", () => {
  const text = "FROM  a:1  AS x\n# a:1\nFROM x\nFROM b:2\n";
  const { images } = stageImages(text);
  expect(withNames(text, images, ["oci:/1", "oci:/2:x"])).toBe(
    "FROM  oci:/1  AS x\n# a:1\nFROM x\nFROM oci:/2:x\n",
  );
});

test("arguments that are given replace defaults in FROM, and all that are declared are known", () => {
  const text =
    'ARG TAG=1 HOST\nARG NAME="base"\nFROM $HOST/$NAME:$TAG AS a\nARG LATER\nFROM a\nRUN echo ARG NO\n';
  expect(stageImages(text).unreadable).toMatchObject([{ line: 3 }]);
  const { images, declared } = stageImages(text, { HOST: "registry.example", TAG: "2", LATER: "x" });
  expect(images).toMatchObject([{ reference: "registry.example/base:2", line: 3 }]);
  expect([...declared]).toEqual(["TAG", "HOST", "NAME", "LATER"]);
});
