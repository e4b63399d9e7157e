import { expect, test } from "vitest";
import { makeAccounts } from "./users.ts";

const masters = {
  passwdMaster: "root:*:0:0:root:/root:/bin/bash\nwww-data:*:33:33:www-data:/var/www:/usr/sbin/nologin\n",
  groupMaster: "root:*:0:\nadm:*:4:\nwww-data:*:33:\nshadow:*:42:\n",
};

test("master files become passwd, group and locked shadow files", () => {
  const accounts = makeAccounts({ ...masters, sysusers: [], users: [] });
  expect(accounts.passwd).toBe(
    "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
  );
  expect(accounts.group).toBe("root:x:0:\nadm:x:4:\nwww-data:x:33:\nshadow:x:42:\n");
  expect(accounts.shadow).toBe("root:*:::::::\nwww-data:*:::::::\n");
});

test("a user's number follows from its name and stays when others come", () => {
  const redis = { name: "redis", home: "/var/lib/redis" };
  const alone = makeAccounts({ ...masters, sysusers: [], users: [redis] });
  const others = [{ name: "haproxy", home: "/" }, redis, { name: "aaa", home: "/" }];
  const together = makeAccounts({ ...masters, sysusers: [], users: others });
  expect(alone.uids.get("redis")).toBe(together.uids.get("redis"));
  expect(alone.uids.get("redis")).toBe(alone.gids.get("redis"));
  expect(alone.uids.get("redis")).toBeGreaterThanOrEqual(200);
  expect(new Set(together.uids.values()).size).toBe(5);
});

test("lines of sysusers.d make users, groups and members", () => {
  const sysusers = ['u web 150 "Web server" /srv - \ng logs 160\nm web logs\n# u no -\nu other - - - -\n'];
  const accounts = makeAccounts({ ...masters, sysusers, users: [] });
  expect(accounts.passwd).toContain("web:x:150:150:Web server:/srv:/usr/sbin/nologin\n");
  expect(accounts.group).toContain("logs:x:160:web\n");
  expect(accounts.uids.has("other")).toBe(true);
  expect(accounts.uids.has("no")).toBe(false);
});
