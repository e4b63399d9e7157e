import { expect, test } from "vitest";
import type { KilnEvent } from "../../domain/event.ts";
import { replayDeploys } from "./replay-deploys.ts";

test("other work is done between the deploys of a long log", async () => {
  const deploy = (rollout: number): KilnEvent => ({
    ...{ sequence: rollout, atMs: rollout, service: "shop", kind: "rollout.started", message: "" },
    data: { rollout, journey: "deploy", to: 1 },
  });
  let done = 0;
  const work = () => {
    done++;
    next = setImmediate(work);
  };
  let next = setImmediate(work);
  const deploys = await replayDeploys({ name: "policy.yaml", rules: [] }, [1, 2, 3, 4].map(deploy));
  clearImmediate(next);
  expect(deploys).toHaveLength(4);
  expect(done).toBeGreaterThanOrEqual(3);
});
