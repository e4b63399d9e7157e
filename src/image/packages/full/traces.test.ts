import { expect, test } from "vitest";
import type { TarEntry, TarTree } from "../../tar/entry.ts";
import { withoutTraces } from "./traces.ts";

const base = { mode: 0o644, uid: 0, gid: 0, mtime: 7 };

function tree(...entries: readonly (Pick<TarEntry, "path"> & Partial<TarEntry>)[]): TarTree {
  return new Map(entries.map((one) => [one.path, { ...base, type: "file", ...one }]));
}

test("leaves out what is another with each installation, and names what programs may miss", () => {
  const { tree: left, generated } = withoutTraces(
    tree(
      { path: "etc/ssh", type: "folder" },
      { path: "etc/ssh/sshd_config" },
      { path: "etc/ssh/ssh_host_ed25519_key" },
      { path: "etc/ssh/ssh_host_ed25519_key.pub" },
      { path: "etc/machine-id" },
      { path: "etc/passwd" },
      { path: "etc/passwd-" },
      { path: "usr/lib/python3/dist-packages/x.py" },
      { path: "usr/lib/python3/dist-packages/__pycache__/x.cpython-311.pyc" },
      { path: "var/lib/dpkg/status" },
      { path: "var/lib/dpkg/status-old" },
      { path: "var/log/dpkg.log" },
    ),
  );
  expect([...left.keys()]).toEqual([
    ...["etc/ssh", "etc/ssh/sshd_config", "etc/passwd", "usr/lib/python3/dist-packages/x.py"],
    ...["var/lib/dpkg/status", "etc/hostname", "etc/resolv.conf"],
  ]);
  expect(generated).toEqual(["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"]);
});

test("the folder of a database that a script made stays, empty, and is named once", () => {
  const { tree: left, generated } = withoutTraces(
    tree(
      { path: "var/lib/postgresql/15/main", type: "folder", uid: 101, mode: 0o700 },
      { path: "var/lib/postgresql/15/main/PG_VERSION" },
      { path: "var/lib/postgresql/15/main/base", type: "folder" },
    ),
  );
  expect(left.get("var/lib/postgresql/15/main")).toMatchObject({ uid: 101, mode: 0o700 });
  expect(left.size).toBe(3);
  expect(generated).toEqual(["/var/lib/postgresql/15/main"]);
});

test("a hashed link to a certificate that is left out goes with it; others stay", () => {
  const { tree: left } = withoutTraces(
    tree(
      { path: "etc/ssl/certs/ssl-cert-snakeoil.pem" },
      { path: "etc/ssl/certs/0123abcd.0", type: "symlink", link: "ssl-cert-snakeoil.pem" },
      { path: "etc/ssl/certs/4567abcd.0", type: "symlink", link: "Root.pem" },
    ),
  );
  expect([...left.keys()]).toEqual(["etc/ssl/certs/4567abcd.0", "etc/hostname", "etc/resolv.conf"]);
});

test("the host's name and name servers of the machine that built are not in the image", () => {
  const { tree: left } = withoutTraces(
    tree({ path: "etc/hostname", mtime: 99 }, { path: "etc/resolv.conf" }),
  );
  expect(left.get("etc/hostname")?.content).toEqual({ kind: "bytes", bytes: new Uint8Array() });
  expect(left.get("etc/resolv.conf")?.content).toEqual({ kind: "bytes", bytes: new Uint8Array() });
});
