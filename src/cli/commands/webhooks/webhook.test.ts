import { expect, test } from "vitest";
import { webhookAsks } from "../../../api/contract/webhooks/shapes.ts";
import { cli } from "../../test-kit.ts";

const add = (stdin: string, asked: unknown[] = []) =>
  cli(["webhook", "add", "traces", "--format", "otlp"], {
    stdin,
    client: {
      addWebhook: async (given) => {
        asked.push(given);
        return { secret: "whsec_x" };
      },
    },
  });

test("the URL comes first, then a header on each line", async () => {
  const asked: unknown[] = [];
  await add("https://otel.example.com/v1/traces\nauthorization: Bearer abc\n\nX-Key: k: 1 \n", asked);
  const headers = { authorization: "Bearer abc", "X-Key": "k: 1" };
  expect(asked).toEqual([expect.objectContaining({ url: "https://otel.example.com/v1/traces", headers })]);
});

test.each(["x-key: s3cret\nx-key: other", "x-key: s3cret\nX-KEY: other"])(
  "a header that is given twice is refused, without its value: %j",
  async (lines) => {
    const asked: unknown[] = [];
    const { code, stderr } = await add(`https://otel.example.com/\n${lines}\n`, asked);
    expect(code).not.toBe(0);
    expect(stderr).toContain("The header x-key is given twice");
    expect(stderr).not.toContain("s3cret");
    expect(asked).toEqual([]);
  },
);

test("the API refuses such headers, too", () => {
  const parse = (headers: object) =>
    webhookAsks.AddWebhook.safeParse({ name: "traces", url: "https://otel.example.com/", headers }).success;
  expect(parse({ "x-key": "1", "x-other": "2" })).toBe(true);
  expect(parse({ "x-key": "1", "X-Key": "2" })).toBe(false);
});
