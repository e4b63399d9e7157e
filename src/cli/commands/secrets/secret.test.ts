import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { aStatus } from "../../../controller/services/testing.ts";
import type { Client } from "../../api.ts";
import { cli } from "../../test-kit.ts";

/** What a controller was given, decoded. */
function aClient(overrides: Partial<Client> = {}) {
  const set: string[][] = [];
  const client: Partial<Client> = {
    services: async () => [aStatus()],
    setSecret: async ({ service, name, value }) => {
      set.push([service, name, Buffer.from(value, "base64").toString()]);
      return { version: 3, changed: true };
    },
    ...overrides,
  };
  return { client, set };
}

test.each([
  ["echo", "s3cret\n", [], "s3cret"],
  ["Windows", "s3cret\r\n", [], "s3cret"],
  ["printf", "s3cret", [], "s3cret"],
  ["two newlines, of which one stays", "s3cret\n\n", [], "s3cret\n"],
  ["a carriage return alone, which stays", "s3cret\r", [], "s3cret\r"],
  ["a file with --keep-newline", "a\nb\n", ["--keep-newline"], "a\nb\n"],
])("secret set takes what %s gives", async (_, stdin, options, value) => {
  const { client, set } = aClient();
  const { code, stdout } = await cli(["secret", "set", "TOKEN", "shop", ...options], { client, stdin });
  expect([code, set]).toEqual([0, [["shop", "TOKEN", value]]]);
  expect(stdout).toBe("TOKEN of shop is now at version 3.\n  Servers get it with the next `kiln deploy`.\n");
});

test("secret set says when the value is the old one, and keeps it out of --json", async () => {
  const { client } = aClient({ setSecret: async () => ({ version: 3, changed: false }) });
  const same = await cli(["secret", "set", "TOKEN", "shop"], { client, stdin: "s3cret" });
  expect(same.stdout).toBe("TOKEN of shop already has that value, as version 3.\n");
  const json = await cli(["secret", "set", "TOKEN", "shop", "--env", "staging", "--json"], {
    client,
    stdin: "s3cret",
  });
  expect([JSON.parse(json.stdout), json.stderr]).toEqual([
    { service: "shop.staging", name: "TOKEN", version: 3, changed: false },
    "",
  ]);
});

test.each([
  ["nothing on standard input", ["TOKEN", "shop"], "", "secret_invalid", "contained no value for TOKEN"],
  ["a line end alone", ["TOKEN", "shop"], "\n", "secret_invalid", "contained no value for TOKEN"],
  [
    "a value on the command line",
    ["TOKEN=s3cret", "shop"],
    "x",
    "usage",
    "does not belong on the command line",
  ],
  ["a name of another kind", ["t0ken", "shop"], "x", "usage", "upper-case letters"],
  [
    "an invalid service name",
    ["TOKEN", "bad name!"],
    "x",
    "usage",
    '"bad name!" is not the name of a service',
  ],
])("secret set refuses %s, and repeats no value", async (_, args, stdin, code, message) => {
  const { client, set } = aClient();
  const { code: exit, stdout } = await cli(["secret", "set", ...args, "--json"], { client, stdin });
  const { error } = JSON.parse(stdout);
  expect([exit, error.code, error.message, set]).toEqual([2, code, expect.stringContaining(message), []]);
  expect(stdout).not.toContain("s3cret");
});

test("on a terminal one line is read without being shown", async () => {
  const modes: boolean[] = [];
  const typing = async (keys: string) => {
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (on: boolean) => modes.push(on),
    });
    stdin.write(keys);
    const { client, set } = aClient();
    const ran = await cli(["secret", "set", "TOKEN", "shop"], { client, stdin });
    return { ...ran, value: set[0]?.[2] };
  };
  const typed = await typing("s3creü\x7f\bet\rmore");
  expect([typed.code, typed.value]).toEqual([0, "s3cret"]);
  expect(typed.stderr).toBe("Value of TOKEN of shop (not shown): \n");
  expect(typed.stdout + typed.stderr).not.toContain("s3cret");
  expect(await typing("s3cr\x03")).toMatchObject({ code: 1, value: undefined });
  expect(modes).toEqual([true, false, true, false]);
});

test("secret ls shows versions, who set them and which releases use them", async () => {
  const one = { service: "shop", name: "TOKEN", version: 1, createdAtMs: 0, createdBy: "ada@example.com" };
  const secrets = [
    { ...one, releases: [1, 2] },
    { ...one, version: 2, releases: [] },
  ];
  const { client } = aClient({ secrets: async () => secrets });
  const lines = (await cli(["secret", "ls"], { client })).stdout.split("\n");
  expect(lines[0]).toMatch(/^SERVICE +NAME +VERSION +SET +BY +USED BY$/);
  expect(lines[1]).toMatch(/^shop +TOKEN +1 .*ada@example\.com +release 1, 2$/);
  expect(lines[2]).toMatch(/^shop +TOKEN +2 .*-$/);
  expect(JSON.parse((await cli(["secret", "ls", "--json"], { client })).stdout)).toEqual(secrets);
  const none = await cli(["secret", "ls", "shop"], { client: { secrets: async () => [] } });
  expect(none.stdout).toBe("shop has no secrets. `kiln secret set NAME` reads one from standard input.\n");
});

test("secret rm asks for that secret", async () => {
  const asked: unknown[] = [];
  const { client } = aClient({
    removeSecret: async (...args) => void asked.push(args.slice(0, 2)),
  });
  expect((await cli(["secret", "rm", "TOKEN", "shop"], { client })).stdout).toBe("Removed TOKEN of shop.\n");
  expect(asked).toEqual([[{ service: "shop", name: "TOKEN" }]]);
});
