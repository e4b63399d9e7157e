import { KilnError } from "../../lib/errors.ts";

/** Parts of the kernel that every machine needs and that are not built in: disks, a network link, its root file system. */
const always = ["virtio_pci", "virtio_blk", "virtio_net", "erofs", "overlay"];

/** Of a machine that a hypervisor of Kiln runs: ports, its configuration. */
export const hostedModules = [...always, "virtio_console", "qemu_fw_cfg"];

/**
 * Of a machine that boots from a disk: checked blocks, a power button, and the disks and network links of clouds and hypervisors (Amazon,
 * Google, Azure and Hyper-V, Xen, VMware; NVMe is built in).
 */
export const diskModules = [
  ...always,
  ...["dm_verity", "button", "evdev", "sd_mod", "virtio_scsi"],
  ...["ena", "gve", "hv_vmbus", "hv_storvsc", "hv_netvsc", "xen_blkfront", "xen_netfront"],
  ...["vmw_pvscsi", "vmxnet3"],
];

/** A kernel module as its package has it: unchanged, because its signature covers every byte. */
export interface KernelModule {
  /** File name: `virtio_blk.ko`. */
  readonly file: string;
  readonly bytes: Buffer;
}

/**
 * The wanted modules, each after those that it needs. `read` gives a module's file by its name with underscores, or undefined when the kernel
 * has it built in.
 */
export function modulesInOrder(
  wanted: readonly string[],
  read: (name: string) => KernelModule | undefined,
): readonly KernelModule[] {
  const loaded = new Map<string, KernelModule>();
  const load = (name: string, chain: readonly string[]) => {
    if (loaded.has(name)) return;
    const module = read(name);
    if (module === undefined) return;
    if (chain.includes(name))
      throw new KilnError("image_invalid", `Kernel modules need each other: ${chain.join(", ")}.`);
    for (const other of dependencies(module.bytes)) load(other, [...chain, name]);
    loaded.set(name, module);
  };
  for (const name of wanted) load(name, []);
  return [...loaded.values()];
}

/** The field `depends=` of the section `.modinfo`: names with a comma between them (kernel: scripts/mod/modpost.c). */
function dependencies(module: Buffer): readonly string[] {
  const field = Buffer.from("\0depends=");
  const at = module.indexOf(field);
  if (at < 0) return [];
  const text = module.subarray(at + field.length, module.indexOf(0, at + field.length)).toString("latin1");
  return text === "" ? [] : text.split(",").map((name) => name.replaceAll("-", "_"));
}
