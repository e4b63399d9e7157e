import { userInfo } from "node:os";
import { expect, test } from "vitest";
import { ownLogins } from "./image-pusher.ts";

test("a controller, whose HOME is not a folder, finds the logins of its user", () => {
  const { homedir } = userInfo();
  expect(ownLogins({ HOME: "/nonexistent" })).toEqual({ HOME: homedir });
  expect(ownLogins({ DOCKER_CONFIG: "/etc/kiln-registry" })).toMatchObject({
    DOCKER_CONFIG: "/etc/kiln-registry",
  });
});
