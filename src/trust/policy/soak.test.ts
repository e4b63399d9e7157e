import { expect, test } from "vitest";
import type { KilnEvent } from "../../domain/event.ts";
import { soakOf } from "./soak.ts";

const minute = 60_000;

/** A log of one service, in which release 1 and 3 are made from the image `good`, and 2 from `other`. */
class Log {
  readonly events: KilnEvent[] = [];

  constructor() {
    this.at(0, "release.created", { release: 1, image: "good" });
    this.at(0, "release.created", { release: 2, image: "other" });
    this.at(0, "release.created", { release: 3, image: "good" });
  }

  at(minutes: number, kind: string, data: Readonly<Record<string, unknown>> = {}): this {
    const sequence = this.events.length + 1;
    this.events.push({ sequence, atMs: minutes * minute, service: "shop.staging", kind, message: "", data });
    return this;
  }

  soak(nowMinutes: number) {
    const { longestMs, ...rest } = soakOf(this.events, "good", nowMinutes * minute);
    return { minutes: longestMs / minute, ...rest };
  }
}

test("time counts from the end of the rollout, as long as some release of the image serves", () => {
  const log = new Log().at(5, "rollout.started", { rollout: 1, journey: "deploy", to: 1 });
  expect(log.soak(6)).toEqual({ minutes: 0, serves: false, spoiled: undefined });
  log.at(10, "rollout.completed", { rollout: 1, to: 1 });
  expect(log.soak(40)).toEqual({ minutes: 30, serves: true, spoiled: undefined });
  log.at(50, "rollout.completed", { rollout: 2, from: 1, to: 3 }); // only its configuration is another one
  expect(log.soak(70)).toMatchObject({ minutes: 60, serves: true });
  log.at(80, "rollout.completed", { rollout: 3, from: 3, to: 2 });
  expect(log.soak(999)).toEqual({ minutes: 70, serves: false, spoiled: undefined }); // what it had stays
});

test("drift begins the time again", () => {
  const log = new Log().at(10, "rollout.completed", { rollout: 1, to: 1 }).at(60, "drift.found");
  expect(log.soak(80)).toMatchObject({ minutes: 20, serves: true });
});

test("a rollback that leaves the image spoils it, until a rollout of it completes again", () => {
  const log = new Log().at(0, "rollout.completed", { rollout: 1, to: 2 });
  log.at(10, "rollout.completed", { rollout: 2, from: 2, to: 3 });
  log.at(100, "rollout.started", { rollout: 3, journey: "rollback", from: 3, to: 2 });
  log.at(101, "rollout.completed", { rollout: 3, from: 3, to: 2 });
  const spoiled = expect.stringContaining("rollout 3 rolled it back");
  expect(log.soak(200)).toEqual({ minutes: 0, serves: false, spoiled });
  log.at(300, "rollout.completed", { rollout: 4, from: 2, to: 3 });
  expect(log.soak(305)).toEqual({ minutes: 5, serves: true, spoiled: undefined });
});

test("a rollout of it that turns back or fails spoils it; one of another image does not", () => {
  const log = new Log().at(10, "rollout.completed", { rollout: 1, to: 1 });
  log.at(20, "rollout.turned-back", { rollout: 2, from: 1, to: 2 });
  expect(log.soak(40)).toMatchObject({ minutes: 30, spoiled: undefined });
  log.at(50, "rollout.failed", { rollout: 3, from: 1, to: 3 });
  expect(log.soak(60)).toMatchObject({ minutes: 0, spoiled: expect.stringContaining("did not complete") });
});

test("a release that got the number of one before a removal is of its own image", () => {
  const log = new Log().at(10, "rollout.completed", { rollout: 1, to: 1 }).at(20, "service.removing");
  log.at(30, "release.created", { release: 1, image: "other" });
  log.at(40, "rollout.completed", { rollout: 2, to: 1 });
  expect(log.soak(500)).toEqual({ minutes: 10, serves: false, spoiled: undefined });
});

test("a service that is removed there keeps what it had", () => {
  const log = new Log().at(10, "rollout.completed", { rollout: 1, to: 1 }).at(70, "service.removing");
  expect(log.soak(500)).toEqual({ minutes: 60, serves: false, spoiled: undefined });
});
