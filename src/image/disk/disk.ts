import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { KilnError } from "../../lib/errors.ts";
import type { ErofsFile } from "../erofs.ts";
import { cpioArchive } from "../machine/cpio.ts";
import type { GuestParts } from "../machine/machine-parts.ts";
import { fatWithFile } from "./fat.ts";
import {
  alignment,
  endSectors,
  mostPartitions,
  type Partition,
  partitionTable,
  partitionTypes,
  sectorBytes,
} from "./gpt.ts";
import { type CheckedLayer, type DiskServer, diskConfig } from "./guest.ts";
import type { Disk, Piece } from "./pieces.ts";
import { unifiedKernel } from "./uki.ts";
import { blockBytes, hashTree } from "./verity.ts";

/** Everything that a disk is made of. */
export interface DiskIngredients {
  readonly server: DiskServer;
  /** Bottom layer first. */
  readonly layers: readonly ErofsFile[];
  readonly parts: Pick<GuestParts, "kernel" | "diskInitrd">;
  /** systemd-stub(7). */
  readonly stub: Buffer;
  /** Makes the boot program one that firmware trusts; without it, the program stays as it is. */
  readonly sign?: (program: Buffer) => Buffer;
  /** The disk's size is a multiple of this many bytes. */
  readonly sizeUnit: number;
}

interface Content {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  /** From the partition's start. */
  readonly pieces: readonly Piece[];
}

/** Both consoles; the last one is where the first process writes. After a panic, so also after a damaged block, the machine starts again. */
const kernelArguments = "console=tty0 console=ttyS0 quiet loglevel=4 panic=10 no_timer_check";

/**
 * A disk that UEFI firmware boots: a partition with kernel, initial memory disk, command line and configuration as one program, and one for each
 * layer, with a hash tree whose root that program knows. The same image gives the same disk, and a signature changes the first partition alone.
 * Throws `image_invalid` for more layers than a disk has partitions.
 */
export async function describeDisk(from: DiskIngredients, signal: AbortSignal): Promise<Disk> {
  const { program, contents } = await describeParts(from, signal);
  const seed = createHash("sha256").update(program).digest("hex");
  return assemble([bootContent(from.sign?.(program) ?? program), ...contents], seed, from.sizeUnit);
}

/** The first program of such a disk alone: a unified kernel image. */
export async function describeProgram(from: DiskIngredients, signal: AbortSignal): Promise<Disk> {
  const { program } = await describeParts(from, signal);
  const bytes = from.sign?.(program) ?? program;
  return { bytes: bytes.length, pieces: [{ at: 0, bytes }] };
}

async function describeParts(from: DiskIngredients, signal: AbortSignal) {
  const { layers, server } = from;
  if (layers.length >= mostPartitions)
    throw new KilnError(
      "image_invalid",
      `The image has ${layers.length} layers; a disk holds ${mostPartitions - 1}.`,
      {
        hint: "Build it from fewer layers.",
      },
    );
  const checked: CheckedLayer[] = [];
  const contents: Content[] = [];
  for (const { file } of layers) {
    const { layer, content } = await layerContent(file, signal);
    checked.push(layer);
    contents.push(content);
  }
  return { program: await bootProgram(from, diskConfig(server, checked)), contents };
}

async function layerContent(file: string, signal: AbortSignal) {
  const tree = await hashTree(file, signal);
  const end = tree.blocks * blockBytes;
  const layer = { name: `kiln-${tree.rootHash.slice(0, 31)}`, blocks: tree.blocks, rootHash: tree.rootHash };
  const length = (await stat(file)).size;
  const pieces: readonly Piece[] = [
    { at: 0, file, length },
    { at: end, bytes: tree.bytes },
  ];
  const { linuxData: type } = partitionTypes;
  return { layer, content: { name: layer.name, type, bytes: end + tree.bytes.length, pieces } };
}

async function bootProgram({ parts, stub, server }: DiskIngredients, config: Uint8Array): Promise<Buffer> {
  const [kernel, initrd] = await Promise.all([readFile(parts.kernel.file), readFile(parts.diskInitrd.file)]);
  const own = cpioArchive([{ path: "config", mode: 0o400, type: "file", bytes: config }]);
  const release = `ID=kiln\nPRETTY_NAME="${server.name}"\n`;
  return unifiedKernel(stub, [
    { name: ".osrel", bytes: Buffer.from(release) },
    { name: ".cmdline", bytes: Buffer.from(`${kernelArguments}\0`) },
    { name: ".initrd", bytes: Buffer.concat([initrd, own]) },
    { name: ".linux", bytes: kernel },
  ]);
}

/** Firmware starts what has this name when it knows of nothing else (UEFI specification 2.10, section 3.5.1.1). */
function bootContent(program: Buffer): Content {
  const { bytes, pieces } = fatWithFile(["EFI", "BOOT", "BOOTX64.EFI"], program);
  return { name: "boot", type: partitionTypes.efiSystem, bytes, pieces };
}

function assemble(contents: readonly Content[], seed: string, sizeUnit: number): Disk {
  const partitions: Partition[] = [];
  const pieces: Piece[] = [];
  let sector = alignment;
  for (const { name, type, bytes, pieces: own } of contents) {
    const sectors = Math.ceil(bytes / sectorBytes);
    partitions.push({ name, type, firstSector: sector, sectors });
    for (const piece of own) pieces.push({ ...piece, at: sector * sectorBytes + piece.at });
    sector = Math.ceil((sector + sectors) / alignment) * alignment;
  }
  const bytes = Math.ceil(((sector + endSectors) * sectorBytes) / sizeUnit) * sizeUnit;
  const { start, end } = partitionTable(partitions, bytes / sectorBytes, seed);
  return { bytes, pieces: [{ at: 0, bytes: start }, ...pieces, { at: bytes - end.length, bytes: end }] };
}
