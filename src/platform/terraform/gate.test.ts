import { expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { passGate, planSchema, planWords } from "./gate.ts";

/** As `terraform show -json` of 1.11.4 prints a change of one instance of `for_each`, without its values. */
function change(index: string | undefined, actions: readonly string[], more: object = {}) {
  const address = `module.group.terraform_data.server${index === undefined ? "" : `["${index}"]`}`;
  const { replace_paths, ...rest } = more as { readonly replace_paths?: unknown };
  return {
    ...{
      address,
      module_address: "module.group",
      mode: "managed",
      type: "terraform_data",
      name: "server",
      index,
    },
    ...{ provider_name: "terraform.io/builtin/terraform", ...rest },
    change: { actions, before: {}, after: {}, ...(replace_paths ? { replace_paths } : {}) },
  };
}

const kept = new Map([["shop-7-1-1", "i-1"]]);

function gate(changes: readonly object[], told?: unknown) {
  const outputs =
    told === undefined
      ? {}
      : { servers: { actions: ["update"], before: [], after: told, after_unknown: [{}] } };
  passGate(
    planSchema.parse({
      format_version: "1.2",
      errored: false,
      resource_changes: changes,
      output_changes: outputs,
    }),
    kept,
  );
}

function problemsOf(changes: readonly object[], told?: unknown): readonly string[] {
  try {
    gate(changes, told);
  } catch (error) {
    expect(error).toBeInstanceOf(KilnError);
    expect(error).toMatchObject({ code: "module_refused", permanent: true });
    return (error as KilnError).problems.map(({ message }) => message);
  }
  return [];
}

test("servers are made and removed, and data is read", () => {
  const reads = { ...change(undefined, ["read"]), mode: "data" };
  const changes = [
    change("shop-7-1-1", ["no-op"]),
    change("shop-7-2-1", ["create"]),
    change("shop-7-3-1", ["delete"]),
    reads,
  ];
  const told = [{ name: "shop-7-1-1", id: "i-1", address: "10.0.0.1" }, { name: "shop-7-2-1" }];
  expect(problemsOf(changes, told)).toEqual([]);
});

test("a change and a replacement in place are refused with the resource and what forces it", () => {
  const replaced = {
    action_reason: "replace_because_cannot_update",
    replace_paths: [["image"], ["disk", 0, "size"]],
  };
  expect(
    problemsOf([change("shop-7-2-1", ["update"]), change("shop-7-1-1", ["delete", "create"], replaced)]),
  ).toEqual([
    'module.group.terraform_data.server["shop-7-2-1"] would get: update.',
    'module.group.terraform_data.server["shop-7-1-1"] would be replaced in place, because of image, disk.0.size.',
  ]);
  expect(problemsOf([change(undefined, ["create", "delete"])])).toHaveLength(1);
  expect(problemsOf([change(undefined, ["forget"])])).toHaveLength(1);
});

test("what an apply that was cut off has left half made is made again, unless it serves", () => {
  const tainted = { action_reason: "replace_because_tainted" };
  expect(problemsOf([change("shop-7-2-1", ["delete", "create"], tainted)])).toEqual([]);
  expect(problemsOf([change("shop-7-1-1", ["delete", "create"], tainted)])).toHaveLength(1);
});

test("a server that stays is neither made again nor removed", () => {
  expect(problemsOf([change("shop-7-1-1", ["create"])])).toEqual([
    expect.stringContaining("Terraform's state of it is lost"),
  ]);
  expect(problemsOf([change("shop-7-1-1", ["delete"])])).toEqual([expect.stringContaining("is to stay")]);
});

test("a module that numbers its servers cannot hand one's machine to another", () => {
  const told = [{ name: "shop-7-1-1", id: "i-2", address: "10.0.0.2" }];
  expect(problemsOf([change(undefined, ["delete"])], told)).toEqual([
    "shop-7-1-1 would become i-2, and is i-1.",
  ]);
});

test("what a plan would make is said in one sentence", () => {
  const plan = (changes: readonly object[]) => planSchema.parse({ resource_changes: changes });
  const reads = { ...change(undefined, ["read"]), mode: "data" };
  expect(planWords(plan([change("a", ["create"]), reads]), 7)).toBe(
    'Terraform would make 1 resource for release 7: terraform_data.server["a"].',
  );
  const many = Array.from({ length: 7 }, (_, n) => change(`${n}`, ["create"]));
  expect(planWords(plan(many), 7)).toMatch(/7 resources .*"4"\], and 2 more\.$/);
});
