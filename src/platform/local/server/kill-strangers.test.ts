import { expect, test } from "vitest";
import { isStranger } from "./kill-strangers.ts";

const spaces = new Set(["mnt:[11]", "net:[12]"]);
const at = (cgroups: string, ...namespaces: string[]) =>
  isStranger({ cgroups, namespaces }, spaces, "/kiln-ab12");

test("a stranger is in a namespace of the server and in no cgroup of the installation", () => {
  expect(at("0::/user.slice/session", "mnt:[1]", "net:[12]")).toBe(true);
  expect(at("0::/user.slice/session", "mnt:[1]", "net:[2]")).toBe(false);
  expect(at("0::/kiln-ab12/shop-1-1-1", "mnt:[11]", "net:[12]")).toBe(false);
  expect(at("0::/kiln-ab12/shop-1-1-1/below", "mnt:[11]")).toBe(false);
  expect(at("0::/kiln-ab123/shop-1-1-1", "mnt:[11]")).toBe(true);
  expect(at("0::/kiln-ab12", "mnt:[11]")).toBe(true);
  expect(at("", "mnt:[11]")).toBe(true);
});

test("with version 1 the hierarchy that freezes tells", () => {
  const cgroups = (freezer: string, pids: string) =>
    `7:pids:${pids}\n5:cpu,cpuacct:/\n3:freezer:${freezer}\n0::/kiln-ab12/x`;
  expect(at(cgroups("/kiln-ab12/shop-1-1-1", "/"), "mnt:[11]")).toBe(false);
  expect(at(cgroups("/", "/kiln-ab12/shop-1-1-1"), "mnt:[11]")).toBe(true);
});
