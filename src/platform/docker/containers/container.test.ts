import { expect, test } from "vitest";
import { aRelease } from "../../../domain/testing.ts";
import { namesOf } from "../names.ts";
import { type ContainerInput, containerBody } from "./container.ts";

const base: ContainerInput = {
  id: "shop-1-1-1",
  release: aRelease(1),
  image: {
    ...{ digest: "sha256:aa", argv: ["/bin/shop", "--serve"], env: ["PATH=/bin", "LANG=C"] },
    ...{ uid: 1000, gid: 1001, groups: [5], workingFolder: "/srv", stopSignal: "QUIT" },
  },
  imageId: "sha256:bb",
  names: namesOf("0123abcd", "box"),
  address: "172.20.0.2",
  binds: [{ source: "/state/secrets/folder", destination: "/run/secrets" }],
  variables: [["TOKEN", "t"]],
  seccomp: true,
  openFiles: 1024,
};

test("a container has no rights, no writable root and nothing of the image's that Kiln has not seen", () => {
  expect(containerBody(base)).toMatchObject({
    Image: "sha256:bb",
    User: "1000:1001",
    Entrypoint: ["/bin/shop", "--serve"],
    Cmd: [],
    Healthcheck: { Test: ["NONE"] },
    StopSignal: "QUIT",
    Labels: { "kiln.installation": "0123abcd", "kiln.target": "box", "kiln.server": "shop-1-1-1" },
    HostConfig: {
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true", expect.stringMatching(/^seccomp=\{"defaultAction"/)],
      GroupAdd: ["5"],
      RestartPolicy: { Name: "no" },
      Mounts: [{ Type: "bind", Target: "/run/secrets", ReadOnly: true }],
    },
    NetworkingConfig: {
      EndpointsConfig: { "kiln-0123abcd-box": { IPAMConfig: { IPv4Address: "172.20.0.2" } } },
    },
  });
});

test("memory is a limit without swap, and half of it is the most that a writable path takes", () => {
  const shape = {
    ...base.release.shape,
    memoryBytes: 64 << 20,
    cpus: 0.5,
    writable: ["/tmp", "/var/lib/shop"],
  };
  const body = containerBody({ ...base, release: { ...base.release, shape } });
  const rest = `size=${32 << 20},nr_inodes=65536`;
  expect(body).toMatchObject({
    HostConfig: {
      Memory: 64 << 20,
      MemorySwap: 64 << 20,
      NanoCpus: 500_000_000,
      Tmpfs: {
        "/tmp": `rw,noexec,nosuid,nodev,mode=1777,uid=1000,gid=1001,${rest}`,
        "/var/lib/shop": `rw,noexec,nosuid,nodev,mode=0755,uid=1000,gid=1001,${rest}`,
      },
    },
  });
});

test("names of an installation and a target are their own, and a bridge's fits an interface", () => {
  const [one, other] = [namesOf("0123abcd", "box"), namesOf("0123abcd", "b".repeat(32))];
  expect(one.container("shop-1-1-1")).toBe("kiln-0123abcd-box-shop-1-1-1");
  expect(one.bridge).not.toBe(other.bridge);
  expect(other.bridge.length).toBeLessThanOrEqual(15);
});

test("a container has the devices of its release, and makes none", () => {
  const release = aRelease(1, { shape: { ...base.release.shape, devices: ["/dev/fuse"] } });
  const given = { PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rw" };
  expect(containerBody({ ...base, release })).toMatchObject({ HostConfig: { Devices: [given] } });
  expect(containerBody(base)).toMatchObject({ HostConfig: { Devices: [] } });
});
