import { expect, test } from "vitest";
import { aStatus } from "../../../controller/services/testing.ts";
import { aFinding } from "../../../domain/testing.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, DriftReport } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const onShop: DriftReport = { ...aFinding({ server: "shop-2-1-1" }), service: "shop", response: "replace" };
const onCart: DriftReport = { ...onShop, server: "cart-1-1-1", service: "cart" };

/** Two services, both with a server that has drifted. */
const client: Partial<Client> = {
  services: async () => [aStatus(), aStatus({ service: "cart" })],
  drift: async ({ server } = {}) => {
    const all = [onCart, onShop];
    if (server === undefined) return all;
    if (server === "shop-2-2-1") return [];
    const found = all.filter((report) => report.server === server);
    if (found.length === 0) throw new KilnError("server_unknown", `There is no server ${server}.`);
    return found;
  },
};
const drift = async (...args: readonly string[]) => {
  const { code, stdout } = await cli(["drift", ...args, "--json"], { client });
  return { code, answer: JSON.parse(stdout) };
};

test("a server, a service, or all", async () => {
  expect(await drift("shop-2-1-1")).toEqual({ code: 1, answer: [onShop] });
  expect(await drift("shop-2-2-1")).toEqual({ code: 0, answer: [] });
  expect(await drift("shop")).toEqual({ code: 1, answer: [onShop] });
  expect(await drift()).toEqual({ code: 1, answer: [onCart, onShop] });
});

test("a name that is not a server or a service is an error", async () => {
  expect(await drift("shop-9-9-9")).toMatchObject({
    code: 1,
    answer: { error: { code: "service_unknown" } },
  });
  expect(await drift("shpo")).toMatchObject({
    code: 1,
    answer: { error: { code: "service_unknown", hint: "Did you mean shop?" } },
  });
});
