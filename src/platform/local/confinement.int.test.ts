import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memoryProgramsFile } from "./server/memory-programs.ts";
import { openImages, TestHost, until, whyNoContainers } from "./test-host.ts";

const reason =
  whyNoContainers() ?? (process.arch === "x64" ? undefined : "system call numbers below are for x86-64");
if (reason) console.log(`The confinement of servers is not tested: ${reason}.`);

const errno = { EPERM: 1, EACCES: 13, EROFS: 30, ENOSYS: 38, EPROTONOSUPPORT: 93, EAFNOSUPPORT: 97 };

describe.skipIf(reason)("a server, even one that runs as root,", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let count = 0;
  beforeAll(async () => {
    images = await openImages();
    t = new TestHost(images);
  });
  afterAll(async () => {
    await t.destroyAll();
    expect(await t.traces()).toEqual([]);
    await t[Symbol.asyncDispose]();
    images[Symbol.dispose]();
  });

  /** What a script writes when it runs as root in a server. */
  async function asRoot(
    script: string,
    shape: Parameters<TestHost["run"]>[2] = {},
  ): Promise<readonly string[]> {
    const id = `root-1-1-${++count}`;
    await t.run(id, script, shape, { uid: 0, gid: 0 });
    return (await t.output(id)).split("\n");
  }

  /** Error numbers of system calls, by name. */
  async function syscalls(calls: Readonly<Record<string, string>>): Promise<Record<string, number>> {
    const perl = Object.entries(calls).map(
      ([name, args]) => `$! = 0; $r = syscall(${args}); print "${name} ", $r == -1 ? $!+0 : 0, "\\n";`,
    );
    const lines = await asRoot(`exec perl -e '$p = "/tmp/x"; $n = "none"; $o = ""; ${perl.join(" ")}'`);
    return Object.fromEntries(
      lines.map((line) => line.split(" ")).map(([name, error]) => [name, Number(error)]),
    );
  }

  test("may make no system call that mounts, enters or leaves, traces, loads or changes the machine", async () => {
    const calls = {
      mount: "165, $n, $p, $n, 0, $o",
      remount: '165, $n, "/" . $o, $n, 32, $o',
      umount2: "166, $p, 0",
      pivot_root: "155, $p, $p",
      chroot: "161, $p",
      setns: "308, 0, 0",
      unshare_user: "272, 0x10000000",
      unshare_mount: "272, 0x20000",
      clone_user: "56, 0x10000011, 0, 0, 0, 0",
      clone_net: "56, 0x40000011, 0, 0, 0, 0",
      ptrace: "101, 0, 0, 0, 0",
      process_vm_readv: "310, 1, 0, 0, 0, 0, 0",
      bpf: "321, 0, 0, 0",
      keyctl: "250, 0, 0, 0, 0, 0",
      open_by_handle_at: "304, 0, 0, 0",
      perf_event_open: "298, 0, 0, 0, 0, 0",
      userfaultfd: "323, 0",
      io_uring_setup: "425, 1, 0",
      fsopen: "430, $n, 0",
      open_tree: "428, 0, $p, 0",
      init_module: "175, 0, 0, 0",
      kexec_load: "246, 0, 0, 0, 0",
      reboot: "169, 0, 0, 0, 0",
      swapon: "167, $p, 0",
      settimeofday: "164, 0, 0",
      sethostname: "170, $n, 4",
      mknod: "133, $p, 0x21b6, 0x103",
    };
    const errors = await syscalls({ ...calls, clone3: "435, 0, 0", getpid: "39" });
    expect(errors).toEqual({
      ...Object.fromEntries(Object.keys(calls).map((name) => [name, errno.EPERM])),
      clone3: errno.ENOSYS,
      getpid: 0,
    });
  });

  test("has sockets of the families that programs need, and of no other", async () => {
    const [unix, inet, inet6, netlink, stream, raw] = [1, 2, 10, 16, 1, 3];
    const families = {
      vsock: 40,
      alg: 38,
      packet: 17,
      key: 15,
      bluetooth: 31,
      can: 29,
      xdp: 44,
      unspecified: 0,
    };
    const hidden = "(1 << 32) | 40";
    const errors = await syscalls({
      ...Object.fromEntries(
        [...Object.entries(families), ["long", hidden]].map(([name, f]) => [name, `41, ${f}, ${stream}, 0`]),
      ),
      pair: `53, 40, ${stream}, 0, $o`,
      audit: `41, ${netlink}, ${raw}, 9`,
      diagnosis: `41, ${netlink}, ${raw}, 4`,
      unix: `41, ${unix}, ${stream}, 0`,
      inet: `41, ${inet}, ${stream}, 0`,
      inet6: `41, ${inet6}, ${stream}, 0`,
      route: `41, ${netlink}, ${raw}, 0`,
    });
    expect(errors).toEqual({
      ...Object.fromEntries(
        [...Object.keys(families), "long", "pair"].map((name) => [name, errno.EAFNOSUPPORT]),
      ),
      ...{ audit: errno.EPROTONOSUPPORT, diagnosis: errno.EPROTONOSUPPORT },
      ...{ unix: 0, inet: 0, inet6: 0, route: 0 },
    });
  });

  test("ends when it calls the kernel as 32-bit programs do, past the rules for 64-bit ones", async () => {
    const badSystemCall = 128 + 31; // SIGSYS, as a shell tells of it
    expect(await asRoot("/srv/legacy-call; echo $?")).toEqual(
      expect.arrayContaining([String(badSystemCall)]),
    );
  });

  test("has no tmpfs without a limit of files", async () => {
    const mounts = (await asRoot("cat /proc/mounts")).map((line) => line.split(" "));
    const tmpfs = mounts.filter(([, , type, options]) => type === "tmpfs" && options?.startsWith("rw"));
    // What holds the hierarchies of version 1: a read-only mount lies over it.
    const writable = tmpfs.filter(([, path]) => path !== "/sys/fs/cgroup");
    expect(writable.map(([, path]) => path).sort()).toEqual(["/dev/shm", "/run", "/tmp"]);
    for (const [, , , options] of writable) expect(options).toMatch(/nr_inodes=65536/);
    expect(mounts.find(([, path]) => path === "/dev")?.[3]).toMatch(/nr_inodes=128/);
  });

  test("reads its own limits as any user, whatever the controller's umask is", async () => {
    const before = process.umask(0o077);
    try {
      const id = "unprivileged-1-1-1";
      const files =
        "memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu.max pids/pids.max pids.max";
      const script = `cd /sys/fs/cgroup; id -u; umask; for f in ${files}; do cat $f; done 2>/dev/null`;
      await t.run(id, script, { memoryBytes: 48 * 2 ** 20, cpus: 0.25 }, { uid: 65_534, gid: 65_534 });
      const lines = (await t.output(id)).split("\n");
      expect(lines[0]).toBe("65534");
      expect(lines).toEqual(
        expect.arrayContaining([
          "0022",
          String(48 * 2 ** 20),
          expect.stringMatching(/^25000( 100000)?$/),
          "1024",
        ]),
      );
    } finally {
      process.umask(before);
    }
  });

  test("writes nowhere but to the paths that its spec names", async () => {
    const paths = [
      "/etc/x",
      "/x",
      "/usr/bin/x",
      "/srv/page",
      "/etc/hosts",
      "/dev/x",
      "/sys/fs/cgroup/x",
      "/proc/sys/kernel/hostname",
    ];
    const perl = `for (qw(${paths.join(" ")} /run/ok /tmp/ok)) { open(F, ">", $_) and print "$_ written\\n" or print "$_ ", $!+0, "\\n" }`;
    const lines = await asRoot(`exec perl -e '${perl}'`);
    expect(lines).toEqual([
      ...paths.map((path) => `${path} ${errno.EROFS}`),
      "/run/ok written",
      "/tmp/ok written",
    ]);
  });

  test("has no capabilities and cannot get any", async () => {
    const lines = await asRoot("cat /proc/self/status");
    const values = Object.fromEntries(lines.map((line) => line.split(":\t")));
    const none = "0000000000000000";
    expect(values).toMatchObject({ CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none });
    expect(values).toMatchObject({ NoNewPrivs: "1", Seccomp: "2" });
  });

  test("has tmpfs that runs nothing and ends at its limit", async () => {
    const lines = await asRoot(
      `cp /usr/bin/true /tmp/true; /tmp/true 2>/dev/null || echo "exec $?"
       dd if=/dev/zero of=/tmp/big bs=1000000 count=100 2>/dev/null || echo "size $?"; ls -l /tmp/big`,
      { memoryBytes: 32 * 2 ** 20 },
    );
    expect(lines.slice(0, -1)).toEqual(["exec 126", "size 1"]);
    expect(Number(lines.at(-1)?.split(/\s+/)[4])).toBeLessThanOrEqual(16 * 2 ** 20);
  });

  const canForbid = existsSync(memoryProgramsFile);
  if (!canForbid)
    console.log(`Skipped: programs in memory, because this kernel has no ${memoryProgramsFile}.`);
  test.skipIf(!canForbid)("runs nothing from memory, but may use it", async () => {
    const [memory, executable] = [319, 0x10];
    const run = (flags: number) => `
      $n = "x"; $fd = syscall(${memory}, $n, ${flags}); if ($fd < 0) { print "made ", $!+0, "\\n"; exit }
      open(I, "<", "/usr/bin/true"); local $/; $program = <I>; open(M, ">&=", $fd); print M $program; M->flush;
      if (!fork) { exec("/proc/$$/fd/$fd") or print "run ", $!+0, "\\n" } else { wait }`;
    const script = (flags: number) => `perl -MIO::Handle -e '${run(flags).replaceAll("\\\\", "\\")}'`;
    const lines = await asRoot(`${script(0)}; ${script(executable)}`);
    expect(lines).toEqual([`run ${errno.EACCES}`, `made ${errno.EACCES}`]);
  });

  test("sees its own processes, name and environment only", async () => {
    const lines = await asRoot(
      "for p in /proc/[1-9]*; do echo $p; done; cat /etc/hostname /proc/sys/kernel/hostname; echo $KILN_SERVER $PORT $FROM_IMAGE $MINE",
      { port: 8080, env: { MINE: "yes" } },
    );
    const id = `root-1-1-${count}`;
    const processes = lines.filter((line) => line.startsWith("/proc/"));
    expect(processes).toContain("/proc/1");
    expect(processes.length).toBeLessThanOrEqual(2);
    expect(lines.slice(processes.length)).toEqual([id, id, `${id} 8080 yes yes`]);
  });

  test("is held to its memory, cpu and process limits by its cgroup", async () => {
    const id = "limits-1-1-1";
    await t.run(id, "exec sleep 100", { memoryBytes: 48 * 2 ** 20, cpus: 0.25 });
    await until(async () => (await t.find(id))?.state === "running");
    const value = (...names: readonly string[]) => cgroupValue(t.state.tag, id, names);
    expect(value("memory.max", "memory.limit_in_bytes")).toBe(String(48 * 2 ** 20));
    expect(value("cpu.max", "cpu.cfs_quota_us")).toMatch(/^25000( 100000)?$/);
    expect(value("pids.max")).toBe("1024");
    // Version 2 counts swap alone, version 1 memory and swap together.
    expect(["0", String(48 * 2 ** 20)]).toContain(value("memory.swap.max", "memory.memsw.limit_in_bytes"));
  });
});

/** The first of these files that the server's cgroup has, in whichever hierarchy. */
function cgroupValue(tag: string, id: string, names: readonly string[]): string | undefined {
  const root = "/sys/fs/cgroup";
  const folders = ["", ...readdirSync(root)].map((hierarchy) => `${root}/${hierarchy}/kiln-${tag}/${id}`);
  for (const path of folders.flatMap((folder) => names.map((name) => `${folder}/${name}`))) {
    try {
      return readFileSync(path, "utf8").trim();
    } catch {}
  }
  return undefined;
}
