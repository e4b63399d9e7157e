import { expect, test } from "vitest";
import { treeOf } from "../test-kit.ts";
import { readAccounts, resolveIdentity, supplementaryGroups } from "./accounts.ts";

const accounts = readAccounts(
  treeOf({
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:34::/:\nbroken\nbad:x:4294967295:0::/:\n",
    "etc/group": "root:x:0:\nwww:x:34:\nssl-cert:x:101:www-data,other\ntty:x:5:www-data\n",
  }),
);

test("every form of user that the image specification knows", () => {
  const identity = (user: string) => Object.values(resolveIdentity(user, accounts, "user")).join(":");
  expect(["www-data", "33", "www-data:tty", "7:8", "7", "7:tty"].map(identity)).toEqual([
    "33:34",
    "33:34",
    "33:5",
    "7:8",
    "7:0",
    "7:5",
  ]);
  expect(() => identity("bad")).toThrow(/no user "bad"/);
  expect(() => identity("root:nogroup")).toThrow(/no group "nogroup"/);
});

test("supplementary groups go by the user's names", () => {
  expect(supplementaryGroups(accounts, { uid: 33, gid: 34 })).toEqual([5, 101]);
  expect(supplementaryGroups(accounts, { uid: 33, gid: 5 })).toEqual([101]);
  expect(supplementaryGroups(accounts, { uid: 1, gid: 1 })).toEqual([]);
});
