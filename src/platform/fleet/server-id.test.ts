import { expect, test } from "vitest";
import { jobId, parseJobId, parseReproductionId, parseServerId, reproductionId } from "./server-id.ts";

test("the id of a reproduction differs from all others", () => {
  const id = reproductionId("shop-1-2-3");
  expect(parseReproductionId(id)).toMatchObject({ server: "shop-1-2-3", service: "shop", release: 1 });
  expect([parseServerId(id), parseJobId(id)]).toEqual([undefined, undefined]);
  const job = jobId({ service: "shop-1", release: 2, rollout: 3, name: "copy" });
  expect([
    parseReproductionId(job),
    parseReproductionId("shop-1-2-3"),
    parseReproductionId("__copy"),
  ]).toEqual([undefined, undefined, undefined]);
});
