import { expect, test } from "vitest";
import { z } from "zod";
import { localTarget } from "../domain/target.ts";
import { KilnError } from "../lib/errors.ts";
import { openTarget, requireValid } from "./open-target.ts";
import { type PlatformKind, registry, type Surroundings } from "./registry.ts";

const platforms = {
  ...registry,
  engine: {
    summary: "an engine elsewhere",
    options: z.strictObject({
      url: z.url({ error: "expected a URL" }).describe("Where it answers."),
      region: z.string().optional(),
    }),
    open: () => {
      throw new Error("not reached");
    },
  } satisfies PlatformKind,
};

function refusal(platform: string, options: Record<string, string>, name = "north"): KilnError {
  try {
    requireValid(platforms, { name, platform, options });
  } catch (error) {
    if (error instanceof KilnError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

test("a target of a known platform with its options is accepted", () => {
  requireValid(platforms, { name: "north", platform: "engine", options: { url: "http://north" } });
  requireValid(platforms, localTarget);
});

test("an unknown platform is named with the one that was meant, or with all", () => {
  expect(refusal("engin", {})).toMatchObject({ code: "target_invalid", hint: "Did you mean engine?" });
  expect(refusal("constructor", {})).toMatchObject({
    code: "target_invalid",
    hint: "There are: docker (containers of a Docker engine on this machine), kubernetes (pods of a Kubernetes cluster), local (servers on this machine), terraform (servers that a Terraform module makes), vm (virtual machines on this machine), engine (an engine elsewhere).",
  });
});

test("every wrong option is named, with what the platform takes", () => {
  expect(refusal("engine", { ulr: "http://north", colour: "red" })).toMatchObject({
    code: "target_invalid",
    problems: [
      { message: "The option url is missing." },
      { message: "The platform engine has no option ulr.", hint: "Did you mean url?" },
      { message: "The platform engine has no option colour." },
    ],
    hint: "Its options: url (Where it answers), region.",
  });
  expect(refusal("engine", { url: "north" }).problems).toEqual([
    { message: "The option url is not valid: expected a URL." },
  ]);
});

test("this machine is one target, which is there already", () => {
  expect(refusal("local", {})).toMatchObject({
    code: "target_taken",
    message: "The platform local has one target only: local.",
    hint: "It is always there. Other platforms: docker (containers of a Docker engine on this machine), kubernetes (pods of a Kubernetes cluster), terraform (servers that a Terraform module makes), vm (virtual machines on this machine), engine (an engine elsewhere).",
  });
});

test("a recorded target that this Kiln does not know is not opened", async () => {
  const target = { name: "north", platform: "gone", options: {}, added: { atMs: 1, by: "ada" } };
  await expect(openTarget(platforms, {} as Surroundings, target)).rejects.toMatchObject({
    code: "target_invalid",
  });
});
