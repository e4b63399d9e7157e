import { expect, test } from "vitest";
import { fixesIn } from "./changelog.ts";

const changelog = `openssl (3.0.17-1~deb12u2) bookworm-security; urgency=medium

  * CVE-2025-0003 (Out-of-bounds read), refresh the patch for CVE-2025-0001
  * CVE-2025-0004, CVE-2025-10005.

 -- A <a@example.org>  Sat, 27 Sep 2025 10:00:00 +0200

openssl (3.0.16-1~deb12u1) bookworm; urgency=medium

  * Import 3.0.16
    - CVE-2025-0001 (Timing side-channel)

 -- A <a@example.org>  Sat, 15 Feb 2025 10:00:00 +0200
`;

test("a vulnerability is fixed by the first entry that names it", () => {
  expect(Object.fromEntries(fixesIn(changelog))).toEqual({
    "CVE-2025-0001": "3.0.16-1~deb12u1",
    "CVE-2025-0003": "3.0.17-1~deb12u2",
    "CVE-2025-0004": "3.0.17-1~deb12u2",
    "CVE-2025-10005": "3.0.17-1~deb12u2",
  });
});

test("a text that is not a changelog fixes nothing", () => {
  expect(fixesIn("See CVE-2025-0001.\n").size).toBe(0);
});
