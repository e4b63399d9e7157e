import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { systemClock } from "../../lib/time/clock.ts";
import { openStore } from "../store.ts";
import { aDatabasePath, aDraft, deployed } from "../testing.ts";

/** A store whose database another program has changed. */
function changed(sql: string) {
  const file = aDatabasePath();
  const before = openStore(file.path, { clock: systemClock });
  deployed(before, aDraft(1));
  before.close();
  const raw = new DatabaseSync(file.path);
  raw.exec(sql);
  raw.close();
  const store = openStore(file.path, { clock: systemClock });
  return {
    store,
    [Symbol.dispose]: () => {
      store.close();
      file[Symbol.dispose]();
    },
  };
}

test.each([
  ["releases.draft", `UPDATE releases SET draft = json_set(draft, '$.image', 'latest')`],
  ["releases.draft", `UPDATE releases SET draft = json_remove(draft, '$.shape')`],
  ["services.policy", `UPDATE services SET policy = json_set(policy, '$.surge', -1)`],
  ["services.upkeep", `UPDATE services SET upkeep = '{'`],
])("a value of %s that Kiln does not write is named, not believed", (column, sql) => {
  using t = changed(sql);
  expect(() => t.store.desiredAll()).toThrow(
    expect.objectContaining({ code: "state_corrupt", message: expect.stringContaining(column) }),
  );
});

test("a release that was kept before there were secrets, files and jobs has none", () => {
  using t = changed(`UPDATE releases SET draft = json_remove(draft, '$.secrets', '$.files', '$.jobs')`);
  expect(t.store.releases("shop")).toMatchObject([{ number: 1, secrets: [], files: [], jobs: [] }]);
});

test("equal text is one value", () => {
  using t = changed("SELECT 1");
  const [first, again] = [t.store.desired("shop"), t.store.desired("shop")];
  expect(first?.upkeep).toBe(again?.upkeep);
});
