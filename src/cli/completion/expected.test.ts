import { expect, test } from "vitest";
import { createProgram } from "../program/program.ts";
import { expected } from "./expected.ts";

const program = createProgram("0.0.0", { run: async () => {}, write: () => {} });

/** What may come next, in a word or two; the last word is the one that is being written. */
function next(...words: readonly string[]) {
  const found = expected(program, words);
  return "words" in found ? found.words.map(({ value }) => value) : found.of;
}

test("commands, and the commands of a group", () => {
  expect(next("")).toEqual(expect.arrayContaining(["deploy", "rollout", "help"]));
  expect(next("rollout", "")).toEqual(["show", "pause", "resume", "promote", "abort"]);
  expect(next("image", "advisories", "")).toEqual(["import", "update", "ls"]);
  expect(next("help", "")).toEqual(next(""));
  expect(next("help", "rollout", "")).toEqual(next("rollout", ""));
  expect(next("help", "nope", "")).toEqual([]);
});

test("options, once a dash is written, but none that the help hides", () => {
  expect(next("scale", "--")).toEqual(expect.arrayContaining(["--service", "--json", "--help"]));
  expect(next("rollout", "-")).toEqual(["--help"]);
  expect(next("exec", "shop-1-1-1", "--", "-")).toBe("exec COMMAND");
});

test("values of arguments and options, by the command that takes them", () => {
  expect(next("status", "")).toBe("status SERVICE");
  expect(next("status", "--json", "")).toBe("status SERVICE");
  expect(next("status", "shop", "")).toEqual([]);
  expect(next("secret", "rm", "")).toBe("secret rm NAME");
  expect(next("secret", "rm", "KEY", "")).toBe("secret rm SERVICE");
  expect(next("image", "rm", "shop:1", "shop:2", "")).toBe("image rm IMAGE");
  expect(next("deploy", "--env", "")).toBe("deploy ENVIRONMENT");
  expect(next("deploy", "-e", "st")).toBe("deploy ENVIRONMENT");
  expect(next("deploy", "--env", "staging", "")).toBe("deploy SERVICE|FILE");
  expect(next("trust", "require", "--mode", "")).toEqual(["enforce", "warn"]);
  expect(next("trust", "require", "--mode=")).toEqual(["--mode=enforce", "--mode=warn"]);
  expect(next("completion", "")).toEqual(["bash", "zsh", "fish"]);
});

test("the service that was named before tells whose releases are meant", () => {
  for (const words of [
    ["--service", "shop"],
    ["-s", "shop"],
  ]) {
    expect(expected(program, ["rollback", ...words, ""])).toMatchObject({
      kinds: ["RELEASE"],
      service: "shop",
    });
  }
});

test("nothing is expected after what is not known", () => {
  expect(next("nope", "")).toEqual([]);
  expect(next("status", "--nope=")).toEqual([]);
});
