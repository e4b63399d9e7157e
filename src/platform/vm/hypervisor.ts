/** What decides how a machine is made. */
export interface MachineInput {
  readonly name: string;
  readonly accelerator: Accelerator;
  readonly memoryMiB: number;
  readonly processors: number;
  /** How many layers its image has. */
  readonly layers: number;
  /** MAC address of its network link. */
  readonly link: string;
  /** The tap that the link leads to. */
  readonly tap: string;
}

/** Who runs the machine's instructions: the processor, or QEMU's translator. */
export type Accelerator = "kvm" | "tcg";

/** Where a hypervisor finds everything: paths in its own root file system. */
export const paths = {
  program: "/usr/bin/qemu-system-x86_64",
  kernel: "/machine/kernel",
  initrd: "/machine/initrd",
  config: "/machine/config",
  layer: (index: number) => `/machine/layers/${index}`,
  /** The one folder that it writes to. */
  own: "/machine/own",
} as const;

/** Names within that folder. */
export const sockets = { monitor: "qmp", control: "control" } as const;

const accelerators: Readonly<Record<Accelerator, readonly string[]>> = {
  kvm: ["-accel", "kvm", "-cpu", "host"],
  // The translator's own memory, in MiB; more makes no server of this size faster.
  tcg: ["-accel", "tcg,tb-size=32"],
};

/** What the kernel prints unless it panics would only be noise in the server's log. */
const kernelArguments = "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check";

/** Slots of the PCI bus: the first are the board's own, 31 is its bridge. A slot has eight functions. */
const slots = { serial: 2, network: 3, layers: 4 };
const functions = 8;

/**
 * QEMU's command line: a q35 board with disks that nothing can write to, one network link, and ports in place of a console. It may not start
 * programs, get rights or change its own limits (`-sandbox`, qemu(1)).
 */
export function hypervisorArgv(input: MachineInput): readonly string[] {
  const { name, accelerator, memoryMiB, processors, link, tap } = input;
  return [
    paths.program,
    ...["-name", name, "-M", "q35,usb=off,sata=off,smbus=off,vmport=off", ...accelerators[accelerator]],
    ...["-m", `${memoryMiB}`, "-smp", `${processors}`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-kernel", paths.kernel, "-initrd", paths.initrd, "-append", kernelArguments],
    ...["-fw_cfg", `name=opt/kiln/config,file=${paths.config}`],
    ...Array.from({ length: input.layers }, (_, index) => diskArgs(index)).flat(),
    ...["-netdev", `tap,id=net,ifname=${tap},script=no,downscript=no`],
    ...["-device", `virtio-net-pci,netdev=net,romfile=,mac=${link},addr=${hex(slots.network)}`],
    ...["-device", `virtio-serial-pci,addr=${hex(slots.serial)}`],
    ...portArgs("status", `file,path=${paths.own}/status`),
    ...portArgs("control", `socket,path=${paths.own}/${sockets.control},server=on,wait=off`),
    ...portArgs("stdout", "file,path=/dev/stdout"),
    ...portArgs("stderr", "file,path=/dev/stderr"),
    ...["-chardev", "file,id=console,path=/dev/stderr", "-serial", "chardev:console"],
    ...["-qmp", `unix:${paths.own}/${sockets.monitor},server=on,wait=off`],
  ];
}

function diskArgs(index: number): readonly string[] {
  const slot = hex(slots.layers + Math.floor(index / functions));
  return [
    "-blockdev",
    `driver=raw,node-name=layer-${index},read-only=on,file.driver=file,file.filename=${paths.layer(index)},file.locking=off`,
    "-device",
    `virtio-blk-pci,drive=layer-${index},serial=layer-${index},addr=${slot}.${index % functions},multifunction=on`,
  ];
}

function portArgs(name: string, backend: string): readonly string[] {
  const [kind, ...rest] = backend.split(",");
  return [
    ...["-chardev", [kind, `id=${name}`, ...rest].join(",")],
    ...["-device", `virtserialport,chardev=${name},name=kiln.${name}`],
  ];
}

function hex(slot: number): string {
  return `0x${slot.toString(16)}`;
}
