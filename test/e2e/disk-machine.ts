import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const folder = "/usr/share/OVMF";
/** Debian's builds of OVMF: without and with Secure Boot, and variables in which no key is enrolled. */
export const firmware = {
  plain: `${folder}/OVMF_CODE_4M.fd`,
  secure: `${folder}/OVMF_CODE_4M.secboot.fd`,
  variables: `${folder}/OVMF_VARS_4M.fd`,
};

interface MachineOptions {
  /** For its sockets and its console. */
  readonly folder: string;
  /** As `-drive` of QEMU has it after `file=`. */
  readonly disk: string;
  readonly format: string;
  readonly port: number;
  /** The file with the variables of firmware that enforces Secure Boot. */
  readonly variables?: string;
  /** What the firmware writes to its variables stays. */
  readonly keepsVariables?: boolean;
}

/** A virtual machine that firmware starts from a disk, as clouds do. Nothing that it writes to the disk stays. */
export class Machine implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor({ folder, disk, format, port, variables, keepsVariables = false }: MachineOptions) {
    mkdirSync(folder);
    const isSecure = variables !== undefined;
    this.port = port;
    this.#folder = folder;
    const argv = [
      ...[
        "-M",
        isSecure ? "q35,smm=on" : "q35",
        "-accel",
        "tcg,tb-size=64",
        "-m",
        "256",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
      ],
      ...[
        "-display",
        "none",
        "-serial",
        `file:${folder}/console`,
        "-qmp",
        `unix:${folder}/qmp,server=on,wait=off`,
      ],
      ...[
        "-drive",
        `if=pflash,unit=0,format=raw,readonly=on,file=${isSecure ? firmware.secure : firmware.plain}`,
      ],
      ...["-global", `driver=cfi.pflash01,property=secure,value=${isSecure ? "on" : "off"}`],
      ...[
        "-drive",
        `if=pflash,unit=1,format=raw,snapshot=${keepsVariables ? "off" : "on"},file=${variables ?? firmware.variables}`,
      ],
      ...["-drive", `id=disk,if=none,snapshot=on,format=${format},file=${disk}`],
      ...["-device", "virtio-blk-pci,drive=disk,bootindex=0"],
      ...["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:8080`],
      ...["-device", "virtio-net-pci,netdev=net,romfile="],
    ];
    this.#process = spawn("qemu-system-x86_64", argv, { stdio: "inherit" });
    this.#ended = once(this.#process, "exit");
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  console(): string {
    const path = join(this.#folder, "console");
    return existsSync(path) ? readFileSync(path, "latin1").replaceAll("\r", "") : "";
  }

  /** What it answers with 200 on its port; undefined while it does not. */
  page(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const options = { host: "127.0.0.1", port: this.port, timeout: 2000, agent: false };
      const request = get(options, (answer) => {
        text(answer).then(
          (body) => resolve(answer.statusCode === 200 ? body : undefined),
          () => resolve(undefined),
        );
      });
      request.on("timeout", () => request.destroy());
      request.on("error", () => resolve(undefined));
    });
  }

  async pressPowerButton(): Promise<void> {
    const socket = connect(join(this.#folder, "qmp"));
    await once(socket, "connect");
    socket.write('{"execute":"qmp_capabilities"}{"execute":"system_powerdown"}');
    socket.resume();
    await once(socket, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
