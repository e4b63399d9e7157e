import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exec } from "../../../lib/process/exec.ts";
import { parseAddress } from "../../linux/addresses.ts";
import { namespacePath } from "../network/commands.ts";
import { aCall, hostPerTest, type TestHost, until, whyNoContainers } from "../test-host.ts";
import { ownerOf, trialOwner, userNamespaces } from "./user-namespaces.ts";

const reason =
  whyNoContainers() ?? (process.arch === "x64" ? undefined : "system call numbers below are for x86-64");
if (reason) console.log(`User namespaces of servers are not tested: ${reason}.`);

const root = { uid: 0, gid: 0 };
const forever = "while :; do sleep 0.2; done";
/** What the kernel counts for each user and namespace, and a Perl expression that takes one more of it: the calls of x86-64. */
const counts = {
  "inotify instances": "syscall(253) >= 0", // inotify_init
  // rt_sigqueueinfo of a signal that is blocked, SI_QUEUE
  "pending signals":
    'syscall(14, 0, my $all = "\\xff" x 8, 0, 8) == 0 && syscall(129, $$ + 0, 34, my $i = pack("l3 x116", 34, 0, -1)) == 0',
  "message queues": 'syscall(240, my $name = "q$n", 0x42, 0600, 0) >= 0', // mq_open
} as const;
/** Takes one more until it fails; says how often it did not, and stays. */
const untilItFails = (take: string) =>
  `perl -e '$| = 1; $n++ while ${take}; print $n + 0, "\\n"; sleep 1000'`;

describe.skipIf(reason)("a server's user namespace", () => {
  let t: TestHost;
  hostPerTest((host) => {
    t = host;
  });

  const pidOf = (id: string) => {
    const found = t.host.inspector.subjects().find(({ server }) => server === id);
    if (found === undefined) throw new Error(`no detector looks at ${id}`);
    return found.process.pid;
  };
  const userNamespace = (pid: number | "self") => readlinkSync(`/proc/${pid}/ns/user`);
  const firstLine = async (id: string) => {
    await until(async () => (await t.lines(id)).length > 0);
    return (await t.lines(id))[0];
  };

  /** What the machine's root gets of inotify instances, at most as many as it asks for. */
  async function instancesOfRoot(most: number): Promise<number> {
    const { stdout } = await exec([
      "perl",
      "-e",
      `$n++ while $n < ${most} and syscall(253) >= 0; print $n + 0`,
    ]);
    return Number(stdout);
  }

  test("keeps what root takes of inotify from the machine's root and from other servers", async () => {
    const most = Number(readFileSync("/proc/sys/fs/inotify/max_user_instances", "utf8"));
    for (const id of ["greedy-1-1-1", "greedy-1-2-1"]) {
      await t.run(id, untilItFails(counts["inotify instances"]), {}, root);
      expect(await firstLine(id)).toBe(String(most));
    }
    // Not all that are free: other programs of this machine need some.
    expect(await instancesOfRoot(4)).toBe(4);
  });

  test.each(Object.entries(counts))("keeps %s of servers of one user apart too", async (_, take) => {
    for (const id of ["shop-1-1-1", "shop-1-2-1"]) await t.run(id, untilItFails(take));
    const [first, second] = [await firstLine("shop-1-1-1"), await firstLine("shop-1-2-1")];
    expect(Number(first)).toBeGreaterThan(0);
    expect(second).toBe(first);
  });

  test("belongs to a uid of its own, has everyone's number as it is, and ends with the server", async () => {
    const { address } = await t.run("shop-1-1-1", forever);
    const pid = pidOf("shop-1-1-1");
    expect(userNamespace(pid)).not.toBe(userNamespace("self"));
    for (const map of ["uid_map", "gid_map"])
      expect(readFileSync(`/proc/${pid}/${map}`, "utf8").trim().split(/\s+/)).toEqual([
        "0",
        "0",
        "4294967295",
      ]);
    // NS_GET_OWNER_UID and NS_GET_USERNS: ioctl_ns(2).
    const ask = `open(U, "<", "/proc/${pid}/ns/user"); $u = pack("I", 0); ioctl(U, 0xb704, $u); print unpack("I", $u), "\\n";
      open(N, "<", "${namespacePath(`kiln-${t.state.tag}-shop-1-1-1`)}"); $f = ioctl(N, 0xb701, 0);
      print readlink("/proc/self/fd/" . int($f)), "\\n";`;
    const { stdout } = await exec(["perl", "-e", ask]);
    expect(stdout.split("\n")).toEqual([
      String(ownerOf(parseAddress(address ?? "") ?? 0)),
      userNamespace(pid),
      "",
    ]);
  });

  test("gives its root no capability, and changes no owner of a file", async () => {
    const look =
      "cat /proc/self/status; perl -e 'printf \"%s %d:%d %o\\n\", $_, (stat)[4, 5], 07777 & (stat)[2] for @ARGV' ";
    await t.run(
      "root-1-1-1",
      `${look} / /usr/bin/perl /tmp /proc/1 /dev/null; chmod 0777 /usr/bin/perl`,
      {},
      root,
    );
    const lines = (await t.output("root-1-1-1")).split("\n");
    const none = "0000000000000000";
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      expect(lines).toContain(`${set}:\t${none}`);
    expect(lines).toEqual(
      expect.arrayContaining([
        "/ 0:0 755",
        expect.stringMatching(/^\/usr\/bin\/perl 0:0 /),
        "/tmp 0:0 1777",
        "/proc/1 0:0 555",
        "/dev/null 0:0 666",
        expect.stringMatching(/chmod.*Read-only file system/),
      ]),
    );
  });

  test("is that of a command run in it too, without a capability", async () => {
    await t.run("shop-1-1-1", forever, {}, root);
    const pid = pidOf("shop-1-1-1");
    const enter = async (session: number, command: readonly string[]) => {
      const order = { server: "shop-1-1-1", session, command, terminal: false };
      const [program = "", ...args] = (await t.host.access?.enter(order, aCall()))?.argv ?? [];
      return (await exec([program, ...args])).stdout.trim();
    };
    expect(await enter(1, ["perl", "-e", 'print readlink("/proc/self/ns/user")'])).toBe(userNamespace(pid));
    const status = (await enter(2, ["cat", "/proc/self/status"])).split("\n");
    const sets = status.filter((line) => line.startsWith("Cap")).map((line) => line.split("\t")[1]);
    expect(sets).toEqual(Array.from({ length: 5 }, () => "0000000000000000"));
  });

  test("where user.max_user_namespaces is 0, the kernel's word and the remedy are reported", async () => {
    await using outer = userNamespaces().hold(trialOwner);
    const made = await outer.made;
    if ("refused" in made) throw new Error(made.refused);
    const here = JSON.stringify(join(import.meta.dirname, "user-namespaces.ts"));
    const program = `import { remedyFor, trialOwner, userNamespaces } from ${here};
      await using holder = userNamespaces().hold(trialOwner);
      const { refused } = await holder.made;
      console.log(refused); console.log(remedyFor(refused));`;
    // The sysctl is that of each user namespace by itself: this machine's own stays as it is.
    const script = `echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" --input-type=module -e '${program}'`;
    const enter = ["nsenter", `--user=/proc/${made.pid}/ns/user`, "sh", "-c", script] as const;
    const { stdout } = await exec([...enter, process.execPath]);
    expect(stdout.split("\n")).toEqual([
      "unshare: unshare failed: No space left on device",
      expect.stringMatching(/^Allow them: `sysctl -w user.max_user_namespaces=65536`\. /),
      "",
    ]);
  });

  test("where it is refused, servers are made without, doctor tells, and a controller that gets some takes them over", async () => {
    const image = JSON.stringify({ ...(await t.images.open("any", aCall())), ...root });
    const helper = join(import.meta.dirname, "../crash-helper.ts");
    /** A controller that may make none; what it has said until it was done. */
    const refusing = async (action: string) => {
      const argv = ["-e", withoutThem, process.execPath, helper, t.state.home, image, action, "old-1-1-1"];
      const child = spawn("perl", argv, { stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      child.stdout.on("data", (chunk) => {
        said += chunk;
      });
      await until(() => said.includes("done\n"));
      child.kill("SIGKILL");
      await once(child, "exit");
      return said;
    };
    const readiness = JSON.parse((await refusing("probe")).split("\n")[1] ?? "");
    expect(readiness).toMatchObject({ usable: true });
    expect(readiness.gaps).toContainEqual({
      what: expect.stringContaining("user namespaces (unshare: unshare failed: Operation not permitted)"),
      remedy: expect.stringContaining("`image.user`"),
      severity: "degraded",
    });
    await refusing("create");
    await t.host.list(aCall());
    expect(userNamespace(pidOf("old-1-1-1"))).toBe(userNamespace("self"));
    const [adopted] = t.host.inspector.subjects();
    expect(adopted?.baseline.namespaces.user).toBe(userNamespace("self"));
    expect((await t.host.probe(aCall())).facts).toContain("a user namespace for each server");
    await t.run("new-1-1-1", forever);
    expect(userNamespace(pidOf("new-1-1-1"))).not.toBe(userNamespace("self"));
  });
});

/** A seccomp filter (BPF) like that of many containers: unshare(2) with CLONE_NEWUSER is not permitted. Then runs its arguments. */
const withoutThem = `
  my ($load, $equal, $any, $return) = (0x20, 0x15, 0x45, 0x06);
  my @rules = ([$load, 0, 0, 0], [$equal, 0, 3, 272], [$load, 0, 0, 16], [$any, 0, 1, 0x10000000],
    [$return, 0, 0, 0x00050001], [$return, 0, 0, 0x7fff0000]);
  my $filter = join "", map { pack "SCCL", @$_ } @rules;
  my $program = pack "Sx6P", scalar @rules, $filter;
  syscall(317, 1, 0, $program) == 0 or die "seccomp: $!";
  exec @ARGV or die $!;`;
