import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { userInfo } from "node:os";
import { expect, test } from "vitest";
import { statedHeader } from "../contract/contract.ts";
import { anApi, fakeOperations } from "../testing.ts";

/** A request by a process of its own, which is another user's login when `loginUid` is given. */
async function asked(headers: Readonly<Record<string, string>>, loginUid?: number): Promise<unknown> {
  const fake = fakeOperations();
  await using api = await anApi(fake.operations);
  const program = `
    const headers = ${JSON.stringify(headers)};
    const options = { socketPath: ${JSON.stringify(api.socketPath)}, method: "POST", path: "/v1/services/shop/pause", headers };
    require("node:http").request(options, (answer) => answer.resume()).end();`;
  const login = loginUid === undefined ? "" : `echo ${loginUid} > /proc/self/loginuid && `;
  const child = spawn("sh", ["-c", `${login}exec "$0" -e "$1"`, process.execPath, program], {
    stdio: "inherit",
  });
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(fake.calls.length).toBe(1);
  const [, , who] = fake.calls[0] ?? [];
  return (who as { readonly actor: unknown }).actor;
}

const uid = process.getuid?.() ?? -1;
const self = { via: "socket", name: userInfo().username, uid };

test("the actor is the user of the process at the other end", async () => {
  expect(await asked({})).toMatchObject(self);
});

test.each([
  ["kept next to what is proved", encodeURIComponent("zoë@laptop"), "zoë@laptop"],
  ["left out when it is not a line of text", encodeURIComponent("root\nit was me"), undefined],
  ["left out when it is too long", "x".repeat(201), undefined],
  ["left out when it is not encoded as it must be", "%", undefined],
])("a stated name is %s", async (_, header, stated) => {
  const actor = await asked({ [statedHeader]: header });
  expect(actor).toMatchObject(self);
  expect((actor as { readonly stated?: string }).stated).toBe(stated);
});

/** Only root may set the login's user id, and only where none is set. */
const canLogIn = spawnSync("sh", ["-c", "echo 4321 > /proc/self/loginuid"], { stdio: "ignore" }).status === 0;
if (!canLogIn) console.log("Skipped: who logged in, because no login's user id can be set here.");

test.skipIf(!canLogIn)("it is who logged in, where the kernel knows", async () => {
  expect(await asked({}, 4321)).toEqual({ via: "socket", name: "uid 4321", uid, loginUid: 4321 });
});
