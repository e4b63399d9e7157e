import { expect, test } from "vitest";
import { changedResources, refreshSchema } from "./changed-resources.ts";

/** As `terraform show -json` prints a plan with `-refresh-only`, internals/json-format of Terraform's documentation. */
function drift(change: object, more: object = {}) {
  const address = 'module.group.aws_instance.server["shop-7-1-1"]';
  const resource = {
    address,
    mode: "managed",
    type: "aws_instance",
    name: "server",
    index: "shop-7-1-1",
    ...more,
  };
  return changedResources(
    refreshSchema.parse({ format_version: "1.2", resource_drift: [{ ...resource, change }] }),
  );
}

test("an attribute that someone has changed is shown with both values", () => {
  const change = {
    actions: ["update"],
    before: { instance_type: "t3.small", tags: { Name: "shop" }, ami: "ami-1" },
    after: { instance_type: "t3.large", tags: {}, ami: "ami-1" },
    ...{ before_sensitive: { tags: {} }, after_sensitive: { tags: {} } },
  };
  expect(drift(change)).toEqual([
    {
      address: 'module.group.aws_instance.server["shop-7-1-1"]',
      key: "shop-7-1-1",
      attributes: ["instance_type", "tags"],
      words: 'instance_type is "t3.large" and was "t3.small"; tags is {} and was {"Name":"shop"}',
    },
  ]);
});

test("no sensitive value is shown, nor one of which a part is", () => {
  const change = {
    actions: ["update"],
    before: { password: "hunter2", disks: [{ key: "hunter2" }] },
    after: { password: "hunter3", disks: [{ key: "hunter3" }] },
    ...{ before_sensitive: { password: true }, after_sensitive: { disks: [{ key: true }] } },
  };
  const [found] = drift(change);
  expect(found?.words).toBe("disks is another (sensitive) value; password is another (sensitive) value");
  const whole = drift({
    actions: ["update"],
    before: { a: "hunter2" },
    after: { a: "hunter3" },
    after_sensitive: true,
  });
  expect(JSON.stringify(whole)).not.toContain("hunter");
});

test("what is gone is so, data is read again each time, and a plan without drift says nothing of it", () => {
  expect(drift({ actions: ["delete"], before: { id: "i-1" }, after: null })).toMatchObject([
    { words: "is gone" },
  ]);
  expect(drift({ actions: ["update"], before: { a: 1 }, after: { a: 2 } }, { mode: "data" })).toEqual([]);
  expect(changedResources(refreshSchema.parse({ format_version: "1.2" }))).toEqual([]);
});
