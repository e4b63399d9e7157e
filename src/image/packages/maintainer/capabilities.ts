import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import { plainPath } from "./file-programs.ts";
import type { ImageFiles } from "./image-files.ts";

/** By number, from 0: linux/capability.h. */
const names =
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore".split(
    " ",
  );

/** The extended attribute that holds a file's capabilities. */
const capabilityXattr = "security.capability";

/** setcap(8), as far as scripts use it: `cap_net_raw,cap_net_admin+ep FILE`, with `=` or `=+` for `+`. */
export function setcap(files: ImageFiles): ShellProgram {
  return (given) => {
    const [text = "", path = "", ...more] = given.filter((one) => one !== "-q");
    const value = fileCapabilities(text);
    if (more.length > 0) throw new NotUnderstood("");
    if (files.at(plainPath(path))?.type !== "file") return 1;
    files.setXattr(plainPath(path), capabilityXattr, value);
    return 0;
  };
}

/** `struct vfs_cap_data` of linux/capability.h, revision 2. */
function fileCapabilities(text: string): Uint8Array {
  const [, list = "", flags = ""] = /^((?:cap_\w+,?)+)(?:\+|=\+?)([eip]+)$/.exec(text) ?? fail();
  const bits = list
    .split(",")
    .map((one) => names.indexOf(one.slice("cap_".length)))
    .reduce((all, number) => (number < 0 ? fail() : all | (1n << BigInt(number))), 0n);
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(0x0200_0000 | Number(flags.includes("e")), 0);
  for (const half of [0, 1]) {
    const part = Number((bits >> BigInt(32 * half)) & 0xffff_ffffn);
    bytes.writeUInt32LE(flags.includes("p") ? part : 0, 4 + 8 * half);
    bytes.writeUInt32LE(flags.includes("i") ? part : 0, 8 + 8 * half);
  }
  return bytes;
}

function fail(): never {
  throw new NotUnderstood("");
}
