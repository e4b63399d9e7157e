import { expect, test } from "vitest";
import { processConfig } from "./image-config.ts";
import { serviceSpec, treeOf } from "./test-kit.ts";

const root = treeOf({ "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:\n" });

test("a process runs as root only on request", () => {
  const userOf = (user?: string, base = {}) => processConfig(serviceSpec({ user }).image, base, root).User;
  expect(userOf()).toBe("65532:65532");
  expect(userOf(undefined, { User: "web" })).toBe("33:34");
  expect(userOf("root", { User: "web" })).toBe("0:0");
});
