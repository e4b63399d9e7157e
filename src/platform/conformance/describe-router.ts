import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import type { RoutedService, Router, Upstream } from "../../router/router.ts";
import { type ConformanceSubject, call } from "./subject.ts";

/** A router that routes nothing yet. Optional members are tested when they are there. */
export interface RouterSubject extends ConformanceSubject {
  readonly router: Router;
  /** Three ways in that are free on this machine. */
  readonly frontends: readonly [TrafficSpec, TrafficSpec, TrafficSpec];
  /** What answers requests, as the target of that id. */
  backend(id: string): Promise<Upstream>;
  /** One request with the first host name and path of a frontend: the id of the target that answered, or undefined when none did. */
  request?(frontend: TrafficSpec): Promise<string | undefined>;
  /** A new controller's router over the same proxy. */
  restart?(): Promise<void>;
}

/** Every promise of the Router contract, as a test. */
export function describeRouter(name: string, open: () => Promise<RouterSubject>): void {
  describe(`${name} keeps the router contract`, () => {
    let subject: RouterSubject;

    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.cleanup());

    async function shop(...weights: number[]): Promise<RoutedService> {
      const upstreams = weights.map(async (weight, i) => ({
        ...(await subject.backend(`shop-1-${i + 1}-1`)),
        weight,
      }));
      return {
        service: "shop",
        frontends: [subject.frontends[0]],
        upstreams: await Promise.all(upstreams),
        health,
      };
    }

    /** What the running router has of a service, in an order that can be compared. */
    async function observed(service = "shop"): Promise<Omit<RoutedService, "health"> | undefined> {
      const found = (await subject.router.observe(call)).find((s) => s.service === service);
      return found && comparable(found);
    }

    async function answers(
      times: number,
      frontend = subject.frontends[0],
    ): Promise<ReadonlySet<string | undefined>> {
      const ids = new Set<string | undefined>();
      for (let i = 0; i < times; i++) ids.add(await subject.request?.(frontend));
      return ids;
    }

    test("it can be used and routes nothing", async () => {
      expect((await subject.router.probe(call)).problems).toEqual([]);
      expect(await subject.router.observe(call)).toEqual([]);
    });

    test("what is applied is observed, and applying it again changes nothing", async () => {
      const service = await shop(256, 128, 0);
      await subject.router.apply(service, call);
      expect(await observed()).toEqual(comparable(service));
      await subject.router.apply(service, call);
      expect(await observed()).toEqual(comparable(service));
    });

    test("weights change, upstreams come and go", async () => {
      const service = await shop(256, 256);
      await subject.router.apply(service, call);
      for (const weights of [[0, 256], [1, 256, 256], [256]]) {
        const next = await shop(...weights);
        await subject.router.apply(next, call);
        expect(await observed()).toEqual(comparable(next));
      }
      const empty = { ...service, upstreams: [] };
      await subject.router.apply(empty, call);
      expect(await observed()).toEqual(comparable(empty));
    });

    test("only upstreams with a weight get requests", async ({ skip }) => {
      if (subject.request === undefined) return skip("this subject sends no requests");
      await subject.router.apply(await shop(256, 0), call);
      expect(await answers(6)).toEqual(new Set(["shop-1-1-1"]));
      await subject.router.apply(await shop(0, 256), call);
      expect(await answers(6)).toEqual(new Set(["shop-1-2-1"]));
      await subject.router.apply(await shop(256, 256), call);
      expect(await answers(12)).toEqual(new Set(["shop-1-1-1", "shop-1-2-1"]));
    });

    test("a service may have several frontends, and lose them again", async () => {
      const service = await shop(256);
      const two = { ...service, frontends: [subject.frontends[0], subject.frontends[1]] };
      await subject.router.apply(two, call);
      expect(await observed()).toEqual(comparable(two));
      if (subject.request !== undefined)
        expect(await answers(2, subject.frontends[1])).toEqual(new Set(["shop-1-1-1"]));
      const one = { ...service, frontends: [subject.frontends[1]] };
      await subject.router.apply(one, call);
      expect(await observed()).toEqual(comparable(one));
    });

    test("services stand side by side, and one is removed without the other; an unknown one is not an error", async () => {
      const first = await shop(256);
      const second = { ...first, service: "blog", frontends: [subject.frontends[1]] };
      await subject.router.apply(first, call);
      await subject.router.apply(second, call);
      await subject.router.remove("shop", call);
      await subject.router.remove("shop", call);
      expect(await observed()).toBeUndefined();
      expect(await observed("blog")).toEqual(comparable(second));
    });

    test("a frontend that another service has is refused, and nothing changes", async () => {
      const first = await shop(256);
      await subject.router.apply(first, call);
      const thief = { ...first, service: "blog", frontends: [subject.frontends[0]] };
      await expect(subject.router.check("blog", thief.frontends, call)).rejects.toMatchObject({
        code: "traffic_conflict",
      });
      await expect(subject.router.apply(thief, call)).rejects.toMatchObject({ code: "traffic_conflict" });
      expect(await observed()).toEqual(comparable(first));
      expect(await observed("blog")).toBeUndefined();
    });

    test("services share a frontend by host name and path, each request only one of them", async () => {
      const [{ listen, mode }] = subject.frontends;
      const at = (more: Partial<TrafficSpec>): TrafficSpec => ({ mode, listen, host: undefined, ...more });
      const own = { ...(await shop(256)), frontends: [at({ hosts: ["a.example", "*.a.example"] })] };
      const other = await subject.backend("api-1-1-1");
      const api = { ...own, service: "api", frontends: [at({ paths: ["/api"] })], upstreams: [other] };
      await subject.router.apply(own, call);
      await subject.router.apply(api, call);
      expect(await observed()).toEqual(comparable(own));
      expect(await observed("api")).toEqual(comparable(api));
      for (const taken of [at({ paths: ["/x", "/api"] }), at({ host: "a.example" })]) {
        const refused = { code: "traffic_conflict" };
        await expect(subject.router.check("third", [taken], call)).rejects.toMatchObject(refused);
      }
      await subject.router.check("third", [at({ host: "b.example" }), at({})], call);
      await subject.router.check("third", [at({ host: "a.example", paths: ["/api"] })], call);
      const { request } = subject;
      if (request === undefined) return;
      expect(await request(at({ host: "a.example" }))).toBe("shop-1-1-1");
      expect(await request(at({ paths: ["/api"] }))).toBe("api-1-1-1");
      expect(await request(at({ host: "b.example" }))).toBeUndefined();
    });

    test("a preview is a service next to its own, without conflicts, and not counted", async () => {
      const service = await shop(256);
      const preview = { ...service, service: "shop_preview", frontends: [subject.frontends[1]] };
      await subject.router.apply(service, call);
      await subject.router.apply(preview, call);
      expect([await observed(), await observed("shop_preview")]).toEqual(
        [service, preview].map((s) => comparable(s)),
      );
      await subject.router.check("shop", [subject.frontends[1]], call);
      await subject.router.check("shop_preview", [subject.frontends[0]], call);
      await expect(subject.router.check("blog", [subject.frontends[1]], call)).rejects.toThrow(
        "the preview of shop has it already",
      );
      if (subject.request !== undefined)
        expect(await answers(3, subject.frontends[1])).toEqual(new Set(["shop-1-1-1"]));
      const counted = await subject.router.counts("shop", call);
      expect(counted.flatMap((c) => [c.requests, ...c.latency]).every((count) => count === 0)).toBe(true);
      await subject.router.apply({ ...preview, upstreams: [] }, call);
      if (subject.request !== undefined)
        expect(await answers(1, subject.frontends[1])).toEqual(new Set([undefined]));
      await subject.router.remove("shop_preview", call);
      expect(await observed()).toEqual(comparable(service));
    });

    test("check changes nothing", async () => {
      await subject.router.check("shop", [subject.frontends[0], subject.frontends[2]], call);
      expect(await subject.router.observe(call)).toEqual([]);
    });

    test("nothing is open where no client asks", async () => {
      await subject.router.apply(await shop(256), call);
      expect(await subject.router.open("shop", "shop-1-1-1", call)).toBe(0);
      expect(await subject.router.open("shop", "shop-9-9-9", call)).toBe(0);
      expect(await subject.router.open("unknown", "unknown-1-1-1", call)).toBe(0);
    });

    test("a new controller's router has what the running one has", async ({ skip }) => {
      if (subject.restart === undefined) return skip("this subject has no controller to restart");
      const service = await shop(256, 0);
      await subject.router.apply(service, call);
      await subject.restart();
      expect(await observed()).toEqual(comparable(service));
      const next = await shop(0, 256);
      await subject.router.apply(next, call);
      expect(await observed()).toEqual(comparable(next));
    });

    test("a stopped router routes nothing, and can be started again", async () => {
      const service = await shop(256);
      await subject.router.apply(service, call);
      await subject.router.stop(call);
      expect(await subject.router.observe(call)).toEqual([]);
      await subject.router.apply(service, call);
      expect(await observed()).toEqual(comparable(service));
    });
  });
}

const health: RoutedService["health"] = {
  check: { kind: "http", path: "/health" },
  intervalMs: 1000,
  timeoutMs: 500,
  ready: 2,
  unready: 3,
  deadlineMs: 60_000,
};

function comparable({ service, frontends, upstreams }: RoutedService): Omit<RoutedService, "health"> {
  return {
    service,
    frontends: frontends.toSorted((a, b) => a.listen - b.listen),
    upstreams: upstreams.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  };
}
