import type { LookupAddress } from "node:dns";
import { expect, test } from "vitest";
import { isPublic } from "../../lib/net/addresses.ts";
import { guarded } from "../../lib/net/outbound.ts";
import { fetchText, whyNotAsked } from "./public-fetch.ts";

test.each([
  ["https://token.actions.githubusercontent.com", undefined, undefined],
  ["https://8.8.8.8/keys", undefined, undefined],
  ["http://gitlab.example.com", "it is not https", "it is not https"],
  ["ftp://gitlab.example.com", "it is not https", "it is not https"],
  ["gitlab.example.com", "it is not a URL", "it is not a URL"],
  ["https://user@example.com", "it has a user name or a password", "it has a user name or a password"],
  ["https://10.1.2.3", "its address is private", undefined],
  ["https://[fd00::1]", "its address is private", undefined],
  ["https://[::ffff:10.0.0.1]", "its address is private", undefined],
  ["https://0x7f.1", "its address is private", undefined],
  ["https://localhost", "its address is private", undefined],
  ["http://127.0.0.1:8080", "it is not https", undefined],
  ["http://10.0.0.1", "it is not https", "it is not https"],
  ["https://169.254.169.254", "its address is link-local", "its address is link-local"],
  ["https://[fe80::1]", "its address is link-local", "its address is link-local"],
])("%s: in public %s, in a private network %s", (url, inPublic, inPrivate) => {
  expect(whyNotAsked(url, false)).toBe(inPublic);
  expect(whyNotAsked(url, true)).toBe(inPrivate);
});

test.each([
  ...["0.0.0.0", "10.9.8.7", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.168.0.1"],
  ...[
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fe80::1",
    "ff02::1",
  ],
  ...["::ffff:10.0.0.1", "64:ff9b::a00:1", "2001:db8::1", "2002:a00:1::1", "", "example.com"],
])("%s is not public", (address) => {
  expect(isPublic(address)).toBe(false);
});

test.each(["8.8.8.8", "172.32.0.1", "192.0.3.1", "::ffff:8.8.8.8", "2a00:1450::1", "[2606:4700::1111]"])(
  "%s is public",
  (address) => {
    expect(isPublic(address)).toBe(true);
  },
);

function lookedUp(addresses: readonly LookupAddress[], isPrivate: boolean, all: boolean) {
  const resolve = (_name: string, _options: object, callback: (...given: unknown[]) => void) =>
    callback(null, addresses);
  return new Promise((settle, reject) => {
    guarded(isPrivate, resolve as never)("keys.example.com", { all }, (error, ...found) =>
      error === null ? settle(found) : reject(error),
    );
  });
}

test("a name is asked only when all its addresses are public, whatever the form in which they are wanted", async () => {
  const open = { address: "8.8.8.8", family: 4 };
  const inside = { address: "10.0.0.1", family: 4 };
  const metadata = { address: "169.254.169.254", family: 4 };
  expect(await lookedUp([open], false, true)).toEqual([[open]]);
  expect(await lookedUp([open], false, false)).toEqual([open.address, 4]);
  await expect(lookedUp([open, inside], false, true)).rejects.toThrow(
    "leads to 10.0.0.1, which is not public",
  );
  expect(await lookedUp([open, inside], true, true)).toEqual([[open, inside]]);
  await expect(lookedUp([metadata], true, false)).rejects.toThrow("leads to 169.254.169.254");
});

test("what is refused is not asked", async () => {
  await expect(fetchText("http://127.0.0.1:1/keys", false)).rejects.toThrow("it is not https");
});
