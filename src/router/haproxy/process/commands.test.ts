import { expect, test } from "vitest";
import { health, httpFrontend, upstream } from "../config/fixtures.ts";
import { serverCommands, trustCommands } from "./commands.ts";
import type { LiveServer } from "./replies.ts";

const shop = { service: "shop", frontends: [httpFrontend(80)], health };

function live(name: string, port: number, weight = 100): LiveServer {
  return {
    backend: "http:shop",
    name,
    address: "127.0.0.1",
    port,
    weight,
    up: true,
    maintenance: false,
  };
}

test("nothing to do for what is so already", () => {
  expect(serverCommands({ ...shop, upstreams: [upstream("a", 1)] }, [live("a", 1)])).toEqual([]);
});

test("a new server takes traffic at once and is checked from then on", () => {
  expect(serverCommands({ ...shop, upstreams: [upstream("a", 1)] }, [])).toEqual([
    "add server http:shop/a 127.0.0.1:1 weight 100 check inter 200ms rise 2 fall 3 observe layer4 error-limit 10 on-error mark-down",
    "enable health http:shop/a",
    "enable server http:shop/a",
    "set server http:shop/a health up",
  ]);
});

test("without a health check none is switched on", () => {
  const alive = { ...shop, health: { ...health, check: { kind: "alive" as const } } };
  expect(serverCommands({ ...alive, upstreams: [upstream("a", 1)] }, [])).toEqual([
    "add server http:shop/a 127.0.0.1:1 weight 100",
    "enable server http:shop/a",
  ]);
});

test("a switch raises the new group before it drops the old one", () => {
  const upstreams = [upstream("old", 1, 0), upstream("new", 2, 100)];
  expect(serverCommands({ ...shop, upstreams }, [live("old", 1, 100), live("new", 2, 0)])).toEqual([
    "set server http:shop/new weight 100",
    "set server http:shop/old weight 0",
  ]);
});

test("what is no longer an upstream is taken out and deleted; other services are left alone", () => {
  const other = { ...live("x", 9), backend: "http:blog" };
  expect(serverCommands({ ...shop, upstreams: [] }, [live("a", 1), other])).toEqual([
    "set server http:shop/a state maint",
    "del server http:shop/a",
  ]);
});

test("a server that waits to be deleted is only tried again, or brought back when it is wanted", () => {
  const waiting = { ...live("a", 1), maintenance: true };
  expect(serverCommands({ ...shop, upstreams: [] }, [waiting])).toEqual(["del server http:shop/a"]);
  expect(serverCommands({ ...shop, upstreams: [upstream("a", 2, 5)] }, [waiting])).toEqual([
    "set server http:shop/a addr 127.0.0.1 port 2",
    "set server http:shop/a weight 5",
    "set server http:shop/a state ready",
  ]);
});

test("trust is a command per server", () => {
  expect(trustCommands([live("a", 1)])).toEqual(["set server http:shop/a health up"]);
});
