import { describe, expect, test } from "vitest";
import type { Answer } from "../api/contract/types.ts";
import { type FollowedSource, sourceTrouble } from "../domain/source.ts";
import { aRelease } from "../domain/testing.ts";
import { livenessOf, staleMs } from "./live.ts";
import { effectOf, titleOf } from "./plan/change.ts";
import { type Place, pathOf, placeOf } from "./route.ts";
import { itemsOf, toFault } from "./store.ts";
import { endOf, inOrder } from "./views/access/access-words.ts";
import { actorOf, filters, toneOf, withoutRepeats } from "./views/event-words.ts";
import { counted, figureValue } from "./views/figure-words.ts";
import { headline } from "./views/headline.ts";
import { append, matching, mostLines, newerThan, piecesOf } from "./views/logs/lines.ts";
import { notesOf } from "./views/notes.ts";
import { isOpen, wayBack } from "./views/way-back.ts";

const refusal = { code: "rollback_impossible", message: "There is no earlier release." };

describe("places", () => {
  test.each<Place>([
    ...([
      { view: "now" },
      { view: "drift" },
      { view: "figures", service: undefined },
      { view: "figures", service: "shop" },
      { view: "access" },
      { view: "promotion" },
    ] as const),
    ...([
      { view: "timeline", service: undefined },
      { view: "timeline", service: "shop" },
    ] as const),
    { view: "logs", service: undefined, server: undefined },
    { view: "logs", service: "shop", server: undefined },
    { view: "logs", service: "shop", server: "shop/1" },
    { view: "service", service: "shop.staging" },
    { view: "rollout", service: "shop", rollout: 7 },
    { view: "diff", service: "shop", from: 3, to: 4 },
    { view: "server", service: "shop", server: "shop/1" },
  ])("%o has a path", (place) => expect(placeOf(pathOf(place))).toEqual(place));

  test.each(["/s", "/s/", "/s/shop/rollouts/x", "/s/shop/servers", "/x", "/drift/x", "/s/a/b/c/d", "/%"])(
    "%s is none",
    (path) => expect(placeOf(path)).toEqual({ view: "unknown" }),
  );
});

describe("the first sentence", () => {
  const none = { broken: 0, failed: 0, drifted: 0, stuck: 0, waiting: 0, moving: 0, warned: 0, steady: 0 };
  const of = (counts: Partial<typeof none>, total = 4) => headline({ total, counts: { ...none, ...counts } });
  test.each([
    [{}, "All 4 services serve", "good", ""],
    [{ moving: 1 }, "All 4 services serve", "moving", "1 under way"],
    [{ broken: 1 }, "1 service is broken", "bad", "4 services in all"],
    [{ broken: 1, failed: 1 }, "2 services need you", "bad", /^1 broken · 1 with a failed rollout/],
    [{ failed: 2 }, "The newest rollout of 2 services failed", "bad", "4 services in all"],
    [{ drifted: 1, moving: 1 }, "Someone changed servers of 1 service", "drift", /^1 under way/],
    [{ waiting: 1 }, "All 4 services serve", "warn", "1 waiting for someone"],
  ])("%o", (counts, sentence, tone, rest) => {
    expect(of(counts)).toEqual({ sentence, tone, rest: expect.stringMatching(rest) });
  });
  test("without services", () => expect(of({}, 0).sentence).toBe("No services yet"));
});

test("after 25 s without a word, what is shown is old, whatever the connection says", () => {
  const line = { open: true, heardAtMs: 1_000, aheadMs: 0 };
  expect(livenessOf(line, 1_000 + staleMs - 1)).toBe("live");
  expect(livenessOf(line, 1_000 + staleMs)).toBe("stale");
  expect(livenessOf({ ...line, open: false }, 2_000)).toBe("connecting");
});

describe("a stream that has ended", () => {
  test("gives its items alone", () => {
    const text = 'event: beat\ndata: {"atMs":1}\n\nid: 3\ndata: {"sequence":3}\n\nevent: end\ndata: {}\n\n';
    expect(itemsOf(text)).toEqual([{ sequence: 3 }]);
  });
  test("throws its fault", () => {
    const text = 'data: {}\n\nevent: fault\ndata: {"code":"server_unknown","message":"gone"}\n\n';
    expect(() => itemsOf(text)).toThrow(expect.objectContaining({ code: "server_unknown" }));
  });
});

describe("the way back", () => {
  const plan = { final: 1, serving: aRelease(2) } as Answer<"plan">;
  const releases = [{ release: aRelease(1), state: "warm" as const }];
  test("is where the controller's plan goes", () => {
    expect(wayBack({ plan }, releases)).toEqual({
      ...{ release: 1, words: "Its servers are still warm: one switch." },
    });
    expect(wayBack({ plan }, []).words).toBe("Its image is kept: new servers come first.");
    const serving = [{ release: aRelease(1), state: "serving" as const }];
    expect(wayBack({ plan }, serving).words).toBe("It still serves: the rollout turns back.");
  });
  test("is not there when the controller has none, with its reason", () => {
    expect(wayBack({ fault: refusal }, releases)).toEqual({ release: undefined, words: refusal.message });
  });
  test("a plan after which no release serves is an answer", () => {
    const none = { ...plan, final: undefined, actions: [] };
    expect(wayBack({ plan: none }, releases)).toEqual({
      ...{ release: undefined, words: "No release would serve after it." },
    });
    const route = { kind: "route", service: "shop", reason: "", shares: [{ release: 1, share: 1 }] } as const;
    expect(wayBack({ plan: { ...none, actions: [route] } }, releases).release).toBe(1);
  });
  test("is asked for again when something changes or no one could answer, and not with each beat", () => {
    const refused = { ...refusal, passing: false };
    expect(isOpen({}, undefined, "2 7")).toBe(true);
    expect(isOpen({ plan }, "2 7", "2 undefined")).toBe(true);
    expect([isOpen({ plan }, "2 7", "2 7"), isOpen({ fault: refused }, "2 7", "2 7")]).toEqual([
      false,
      false,
    ]);
    expect(isOpen({ fault: toFault(new TypeError("Failed to fetch")) }, "2 7", "2 7")).toBe(true);
  });
  test("a look that the browser gives up, with a number as its code, is one without an answer", () => {
    expect(toFault(new DOMException("signal timed out", "TimeoutError"))).toMatchObject({
      ...{ code: "unreachable", passing: true },
    });
    expect(toFault(refusal)).toBe(refusal);
  });
  test("the button says its effect", () => {
    const wish = { service: "shop", change: { kind: "rollback" } } as const;
    expect([titleOf(wish), effectOf(wish, plan)]).toEqual(["Roll back shop", "Send traffic to release 1"]);
    const abort = { service: "shop", change: { kind: "abort" } } as const;
    expect(effectOf(abort, plan)).toBe("Go back to release 2");
  });
});

test("events have a tone and a person", () => {
  const tones = ["rollout.rolled-back", "server.tainted", "rollout.completed", "server.unready", "audit.key"];
  expect(tones.map(toneOf)).toEqual(["bad", "drift", "good", "warn", "quiet"]);
  const event = { sequence: 1, atMs: 1, service: "shop", kind: "service.scaled", message: "", data: {} };
  expect(actorOf({ data: { actor: { name: "ada", uid: 0 } } })).toBe("ada");
  expect(actorOf({ data: { by: "grace" } })).toBe("grace");
  expect([filters.people(event), filters.people({ ...event, data: { by: "ada" } })]).toEqual([false, true]);
});

test("a figure is not better than it is", () => {
  expect(figureValue({ value: undefined, unit: "ms" })).toBe("not enough data");
  expect(figureValue({ value: 0.99999, unit: "share" })).toBe("99.99 %");
  expect(figureValue({ value: 90_000, unit: "ms" })).toBe("1 min");
  expect(figureValue({ value: 3.25, unit: "per week" })).toBe("3.2 a week");
});

test("tokens that count come first; of the others it is said how they ended", () => {
  const token = (id: string, more: object) =>
    ({
      id,
      kind: "user",
      name: id,
      grants: [],
      createdAtMs: 1,
      createdBy: "ada",
      expiresAtMs: 100,
      ...more,
    }) as never;
  const revoked = { atMs: 40, by: "ada", reason: "has left" };
  const { alive, ended } = inOrder(
    [token("old", { expiresAtMs: 30 }), token("grace", {}), token("gone", { revoked }), token("ada", {})],
    50,
  );
  expect(alive.map(({ id }) => id)).toEqual(["ada", "grace"]);
  expect(ended.map((one) => endOf(one, 50))).toEqual([
    { atMs: 40, words: "revoked", by: "by ada: has left" },
    { atMs: 30, words: "expired", by: undefined },
  ]);
});

describe("lines of logs", () => {
  const line = (n: number, atMs = n, text = `line ${n}`) => ({ n, atMs, text, server: "shop-1-1-1" });
  test("stand by their time, and the oldest give way", () => {
    expect(append([line(1, 5), line(2, 7)], [line(3, 6)]).map(({ n }) => n)).toEqual([1, 3, 2]);
    const many = Array.from({ length: mostLines }, (_, n) => line(n));
    const kept = append(many, [line(mostLines)]);
    expect([kept.length, kept[0]?.n]).toEqual([mostLines, 1]);
  });
  test("count as newer when they have come since, whatever their time", () => {
    const held = [line(1, 5), line(3, 6)];
    expect([newerThan(held, [...held, line(4, 1), line(5, 9)]), newerThan([], held)]).toEqual([2, 2]);
  });
  test("are found by words of theirs or their server", () => {
    const lines = [line(1, 1, "GET /Orders"), line(2, 2, "POST /")];
    expect(matching(lines, "orders").map(({ n }) => n)).toEqual([1]);
    expect(matching(lines, "SHOP-1")).toHaveLength(2);
  });
  test("keep their colours, and nothing else that a terminal obeys", () => {
    expect(piecesOf("\x1b[1;31merror\x1b[0m: <b>x</b>")).toEqual([
      { text: "error", tone: "bad" },
      { text: ": <b>x</b>", tone: undefined },
    ]);
    const hostile = "\x1b[2J\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\rc\td\x00";
    expect(
      piecesOf(hostile)
        .map(({ text }) => text)
        .join(""),
    ).toBe("abc\td");
  });
});

test("what the panel of a branch says is not said at the top of its service as well", () => {
  const failing = { message: "kiln.yaml has 2 problems.", commit: "c".repeat(40) };
  const warnings = [sourceTrouble({ service: "shop", failing })].flatMap((one) => one ?? []);
  const other = { message: "A certificate ends in 3 d.", hint: undefined };
  const target = { name: "local", platform: "local", trouble: undefined };
  const status = { target, trouble: undefined, warnings: [...warnings, other] };
  const messages = (source?: FollowedSource) => notesOf(status, source).map(({ message }) => message);
  const said = "kiln.yaml has 2 problems. Commit cccccccccc is not deployed.";
  expect(messages()).toEqual([said, other.message]);
  expect(messages({ service: "shop", failing })).toEqual([other.message]);
});

test("one of something is not many", () =>
  expect([counted(1, "recoveries"), counted(1, "replaced servers"), counted(2, "images")]).toEqual([
    "1 recovery",
    "1 replaced server",
    "2 images",
  ]));

test("of the analyses of a rollout that follow each other only the last is shown", () => {
  const entry = (sequence: number, kind: string, rollout: number) => ({ sequence, kind, data: { rollout } });
  const log = [
    ...[entry(1, "rollout.judged", 1), entry(2, "rollout.judged", 2), entry(3, "rollout.judged", 1)],
    ...[entry(4, "rollout.moved", 1), entry(5, "rollout.judged", 1)],
  ];
  expect(withoutRepeats(log).map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5]);
});
