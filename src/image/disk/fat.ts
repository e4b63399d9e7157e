/** UEFI firmware asks for FAT32 here, which begins at this many clusters (Microsoft's "FAT32 File System Specification", "FAT Type Determination"). */
const fewestClusters = 65_525;
const sectorBytes = 512;
const reservedSectors = 32;
const entryBytes = 32;
const attribute = { folder: 0x10, file: 0x20 };
const endOfChain = 0x0fff_ffff;
/** 1980-01-01, the first day that it can write. */
const day = 0x21;

/** A file system as pieces: all between them is zero. */
export interface FatImage {
  readonly bytes: number;
  /** By their place. */
  readonly pieces: readonly { readonly at: number; readonly bytes: Buffer }[];
}

/**
 * A FAT32 file system that holds one file, below these folders: names of at most 8 capital letters and digits, `.` and 3 more. Clusters are one
 * sector; the same content gives the same bytes.
 */
export function fatWithFile(path: readonly string[], content: Buffer): FatImage {
  const name = path.at(-1) ?? "";
  const folders = path.slice(0, -1);
  const contentClusters = Math.ceil(content.length / sectorBytes);
  const clusters = Math.max(fewestClusters + 11, folders.length + 1 + contentClusters); // away from the limit, as the specification advises
  const fatSectors = Math.ceil(((clusters + 2) * 4) / sectorBytes);
  const first = 2 + folders.length + 1; // root, folders, file
  const dataAt = (reservedSectors + 2 * fatSectors) * sectorBytes;
  const clusterAt = (cluster: number) => dataAt + (cluster - 2) * sectorBytes;
  const fat = allocationTable(folders.length + 1, first, contentClusters, fatSectors);
  const tables = folders.map((folder, i) => entry(folder, attribute.folder, i + 3, 0));
  const nodes = [...tables, entry(name, attribute.file, contentClusters > 0 ? first : 0, content.length)];
  const sectors = reservedSectors + 2 * fatSectors + clusters;
  const head = reserved(sectors, fatSectors, clusters - folders.length - 1 - contentClusters);
  return {
    bytes: sectors * sectorBytes,
    pieces: [
      { at: 0, bytes: head },
      { at: reservedSectors * sectorBytes, bytes: fat },
      { at: (reservedSectors + fatSectors) * sectorBytes, bytes: fat },
      ...nodes.map((node, depth) => ({ at: clusterAt(depth + 2), bytes: folderSector(node, depth) })),
      { at: clusterAt(first), bytes: content },
    ],
  };
}

/** Folders take one cluster each, the file those from `first` on. */
function allocationTable(folders: number, first: number, count: number, sectors: number): Buffer {
  const table = Buffer.alloc(sectors * sectorBytes);
  const ends = [0x0fff_fff8, endOfChain, ...Array.from({ length: folders }, () => endOfChain)];
  for (const [cluster, value] of ends.entries()) table.writeUInt32LE(value, cluster * 4);
  for (let i = 0; i < count; i++)
    table.writeUInt32LE(i === count - 1 ? endOfChain : first + i + 1, (first + i) * 4);
  return table;
}

function entry(name: string, kind: number, cluster: number, size: number): Buffer {
  const bytes = Buffer.alloc(entryBytes);
  const [base = "", extension = ""] = /^\.+$/.test(name) ? [name] : name.split(".");
  bytes.write(base.padEnd(8) + extension.padEnd(3), 0, 11, "latin1");
  bytes[11] = kind;
  for (const at of [16, 18, 24]) bytes.writeUInt16LE(day, at);
  bytes.writeUInt16LE(cluster >>> 16, 20);
  bytes.writeUInt16LE(cluster & 0xffff, 26);
  bytes.writeUInt32LE(size, 28);
  return bytes;
}

/** The root has no entries for itself and its parent; the parent 0 stands for the root. */
function folderSector(node: Buffer, depth: number): Buffer {
  const parent = depth === 1 ? 0 : depth + 1;
  const own = [entry(".", attribute.folder, depth + 2, 0), entry("..", attribute.folder, parent, 0)];
  const sector = Buffer.alloc(sectorBytes);
  Buffer.concat(depth === 0 ? [node] : [...own, node]).copy(sector);
  return sector;
}

const noLabel = "NO NAME    ";

/** Boot sector and file system information, each with its copy. */
function reserved(sectors: number, fatSectors: number, freeClusters: number): Buffer {
  const bytes = Buffer.alloc(reservedSectors * sectorBytes);
  const boot = Buffer.alloc(sectorBytes);
  boot.set([0xeb, 0x58, 0x90]);
  boot.write("KILN    ", 3, "latin1");
  boot.writeUInt16LE(sectorBytes, 11);
  boot[13] = 1; // sectors of a cluster
  boot.writeUInt16LE(reservedSectors, 14);
  boot[16] = 2; // tables
  boot[21] = 0xf8;
  boot.writeUInt16LE(63, 24);
  boot.writeUInt16LE(255, 26);
  boot.writeUInt32LE(sectors, 32);
  boot.writeUInt32LE(fatSectors, 36);
  boot.writeUInt32LE(2, 44); // cluster of the root
  boot.writeUInt16LE(1, 48); // sector of the information
  boot.writeUInt16LE(6, 50); // sector of the copies
  boot[64] = 0x80;
  boot[66] = 0x29;
  boot.writeUInt32LE(0x4b49_4c4e, 67);
  boot.write(`${noLabel}FAT32   `, 71, "latin1");
  const information = Buffer.alloc(sectorBytes);
  information.writeUInt32LE(0x4161_5252, 0);
  information.writeUInt32LE(0x6141_7272, 484);
  information.writeUInt32LE(freeClusters, 488);
  information.writeUInt32LE(0xffff_ffff, 492);
  for (const sector of [boot, information]) sector.writeUInt16LE(0xaa55, 510);
  for (const at of [0, 6]) {
    boot.copy(bytes, at * sectorBytes);
    information.copy(bytes, (at + 1) * sectorBytes);
  }
  return bytes;
}
