import { expect, test } from "vitest";
import type { KilnEvent } from "../../domain/event.ts";
import { messageOf, signed } from "./message.ts";

const event: KilnEvent = {
  ...{ sequence: 42, atMs: 1_800_000_000_000, service: "shop.production", kind: "rollout.failed" },
  ...{ message: "release 3 <b> & others failed", data: { rollout: 7 } },
};

test("programs get the whole event, as CloudEvents have it", () => {
  const { headers, body } = messageOf("cloudevents", event, "host-1");
  expect(headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
  expect(JSON.parse(body)).toEqual({
    ...{ specversion: "1.0", id: "host-1-42", source: "/kiln/host-1/services/shop.production" },
    ...{ type: "dev.kiln.rollout.failed", subject: "shop.production", time: "2027-01-15T08:00:00.000Z" },
    datacontenttype: "application/json",
    data: { sequence: 42, message: "release 3 <b> & others failed", rollout: 7 },
  });
  const whole = JSON.parse(messageOf("cloudevents", { ...event, service: undefined }, "host-1").body);
  expect([whole.source, "subject" in whole]).toEqual(["/kiln/host-1", false]);
});

test("people get a sentence, which no chat takes for markup", () => {
  const body = (format: "slack" | "teams" | "ntfy") => messageOf(format, event, "host-1").body;
  expect(JSON.parse(body("slack"))).toEqual({
    text: "shop.production: release 3 &lt;b&gt; &amp; others failed",
  });
  expect(JSON.parse(body("teams"))).toMatchObject({
    attachments: [
      {
        content: {
          body: [
            {
              type: "RichTextBlock",
              inlines: [{ type: "TextRun", text: "shop.production: release 3 <b> & others failed" }],
            },
          ],
        },
      },
    ],
  });
  expect(body("ntfy")).toBe("shop.production: release 3 <b> & others failed");
});

test("the signature is the one of the example of Standard Webhooks, for each secret that holds", () => {
  const message = { headers: {}, body: '{"test": 2432232314}' };
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const { headers } = signed(
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    message,
    [secret, "whsec_AAAA"],
    1_614_265_330_000,
  );
  expect(headers["webhook-timestamp"]).toBe("1614265330");
  const [first, second] = headers["webhook-signature"]?.split(" ") ?? [];
  expect(first).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  expect(second).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
});
