import { expect, test } from "vitest";
import { publishImage } from "./publish.ts";

test("the registry is asked each time, because it may have lost an image that it had", async () => {
  const pushed: string[] = [];
  const images = { push: async (_: string, reference: string) => void pushed.push(reference) };
  const call = { signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY };
  const image = { service: "shop", image: `sha256:${"a".repeat(64)}` };
  for (let n = 0; n < 2; n++) await publishImage({ images, registry: "registry.example/team/" }, image, call);
  expect(pushed).toEqual(Array(2).fill("registry.example/team/shop:kiln-aaaaaaaaaaaa"));
});
