import { expect, test } from "vitest";
import { parseAddress } from "../../linux/addresses.ts";
import { holderArgv, ownerOf, remedyFor, trialOwner } from "./user-namespaces.ts";

test("each address has an owner of its own, of which no one else has the uid", () => {
  const owner = (address: string) => ownerOf(parseAddress(address) ?? 0);
  expect(owner("10.192.0.2")).toBe(0x7000_0002);
  expect(owner("10.255.255.254")).toBe(0x703f_fffe);
  expect(owner("10.193.4.2")).not.toBe(owner("10.192.4.2"));
  expect(trialOwner).toBe(0x703f_ffff);
  expect(holderArgv(owner("10.192.0.2")).join(" ")).toBe(
    "setpriv --reuid=1879048194 --regid=1879048194 --clear-groups --inh-caps=+sys_admin --ambient-caps=+sys_admin " +
      "unshare --user --net cat",
  );
});

const refused = "unshare: unshare failed: No space left on device";
const remedies: readonly (readonly [string, string, Readonly<Record<string, number>>, string | RegExp])[] = [
  [
    "user namespaces switched off",
    refused,
    { "user.max_user_namespaces": 0 },
    "Allow them: `sysctl -w user.max_user_namespaces=65536`. " +
      "Until then, name a user of its own in `image.user` for each service.",
  ],
  [
    "AppArmor's restriction",
    "unshare: unshare failed: Permission denied",
    { "user.max_user_namespaces": 90_000, "kernel.apparmor_restrict_unprivileged_userns": 1 },
    /^Allow them: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`\. /,
  ],
  [
    "Debian's switch",
    "unshare: unshare failed: Operation not permitted",
    { "user.max_user_namespaces": 90_000, "kernel.unprivileged_userns_clone": 0 },
    /^Allow them: `sysctl -w kernel.unprivileged_userns_clone=1`\. /,
  ],
  [
    "a container",
    "mount: /proc: permission denied.",
    {},
    /^Run Kiln on the machine itself, or in a container/,
  ],
  ["a kernel without them", "unshare: unshare failed: Invalid argument", {}, /CONFIG_USER_NS/],
];

test.each(remedies)("the remedy for %s", (_, words, sysctls, remedy) => {
  expect(remedyFor(words, (name) => sysctls[name])).toMatch(remedy);
});
