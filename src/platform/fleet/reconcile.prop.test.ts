import fc from "fast-check";
import { expect, test } from "vitest";
import {
  backOffMs,
  type GroupAction,
  type GroupView,
  reconcileGroup,
  type SlotHistory,
  type SlotServer,
  withFailure,
} from "./reconcile.ts";

/** A group that lives: what its reconciler says is done at once, and the world does the rest. */
class Model {
  size = 0;
  now = 0;
  servers: SlotServer[] = [];
  readonly slots = new Map<number, SlotHistory>();
  readonly ids = new Set<string>();

  view(): GroupView {
    return { size: this.size, servers: this.servers, slots: this.slots };
  }

  reconcile(): void {
    for (const action of reconcileGroup(this.view(), this.now).actions) this.#apply(action);
  }

  live(): readonly SlotServer[] {
    return this.servers.filter((s) => ["creating", "starting", "ready"].includes(s.state));
  }

  /** Something happens to one server. */
  move(index: number, event: "advance" | "fail" | "quarantine"): void {
    const server = this.servers[index % Math.max(1, this.servers.length)];
    if (server === undefined) return;
    const alive = this.live().includes(server);
    if (event === "advance") this.#advance(server);
    else if (alive && event === "fail") {
      this.#set(server, "failing");
      this.slots.set(server.slot, withFailure(this.slots.get(server.slot), server.attempt, this.now));
    } else if (alive) this.#set(server, "quarantined");
  }

  #advance(server: SlotServer): void {
    const next = { creating: "starting", starting: "ready", failing: "failed" } as const;
    if (server.state === "leaving") this.servers = this.servers.filter((s) => s !== server);
    else if (server.state in next) this.#set(server, next[server.state as keyof typeof next]);
  }

  #apply(action: GroupAction): void {
    if (action.kind === "create") {
      const id = `shop-1-${action.slot}-${action.attempt}`;
      expect(this.ids.has(id), `${id} is used for the first time`).toBe(false);
      this.ids.add(id);
      const history = this.slots.get(action.slot) ?? { attempts: 0, failures: 0, lastFailureMs: 0 };
      expect(action.attempt).toBe(history.attempts + 1);
      if (history.failures > 0) {
        expect(this.now).toBeGreaterThanOrEqual(history.lastFailureMs + backOffMs(history.failures));
      }
      this.slots.set(action.slot, { ...history, attempts: action.attempt });
      this.servers.push({
        id,
        slot: action.slot,
        attempt: action.attempt,
        state: "creating",
        sinceMs: this.now,
      });
    } else if (action.kind === "discard") this.servers = this.servers.filter((s) => s.id !== action.id);
    else {
      const server = this.servers.find((s) => s.id === action.id);
      if (server !== undefined) this.#set(server, "leaving");
    }
  }

  #set(server: SlotServer, state: SlotServer["state"]): void {
    this.servers = this.servers.map((s) => (s === server ? { ...s, state, sinceMs: this.now } : s));
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("resize" as const), size: fc.nat(6) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(5000) }),
  fc.record({
    kind: fc.constant("move" as const),
    index: fc.nat(20),
    event: fc.constantFrom("advance" as const, "advance" as const, "fail" as const, "quarantine" as const),
  }),
);

function take(model: Model, event: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  if (event.kind === "resize") model.size = event.size;
  else if (event.kind === "wait") model.now += event.ms;
  else model.move(event.index, event.event);
}

test("a group never has more live servers than its size, uses no id twice, and asks for nothing twice", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const model = new Model();
      for (const event of steps) {
        take(model, event);
        model.reconcile();
        expect(model.live().length).toBeLessThanOrEqual(model.size);
        expect(new Set(model.live().map((s) => s.slot)).size).toBe(model.live().length);
        expect(reconcileGroup(model.view(), model.now).actions).toEqual([]);
      }
    }),
  );
});

test("when nothing fails any more, every group comes to its size", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(6), (steps, size) => {
      const model = new Model();
      for (const event of steps) {
        take(model, event);
        model.reconcile();
      }
      model.size = size;
      model.now += 60_000;
      model.reconcile();
      for (let round = 0; round < 4; round++) {
        for (const id of model.servers.map((s) => s.id)) {
          model.move(
            model.servers.findIndex((s) => s.id === id),
            "advance",
          );
        }
        model.reconcile();
      }
      expect(model.live().map((s) => s.state)).toEqual(Array(size).fill("ready"));
      if (size === 0) expect(model.servers).toEqual([]);
    }),
  );
});

test("of failed servers no more records are kept than three and one for each empty slot", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const model = new Model();
      for (const event of steps) {
        take(model, event);
        model.reconcile();
        const records = model.servers.filter((s) => s.state === "failed").length;
        const empty = model.size - model.live().length;
        expect(records).toBeLessThanOrEqual(3 + empty);
      }
    }),
  );
});
