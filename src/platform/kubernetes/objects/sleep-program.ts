/**
 * A program that sleeps and ends, for clusters that cannot let a container sleep by themselves: images need no shell, and have none. It is one
 * static ELF file of two system calls. System V ABI, chapter 4 (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html) and chapter 5
 * (program header).
 */
interface Machine {
  /** `e_machine`. */
  readonly elf: number;
  /** `nanosleep({ seconds, 0 }, NULL)`, then `exit(0)`. */
  code(seconds: number): Buffer;
}

const headerBytes = 64;
const programHeaderBytes = 56;
/** Where it is in memory: any page but the first ones, which no process may have. */
const address = 0x400000;

/** By GOARCH. */
const machines: Readonly<Record<string, Machine>> = {
  // System call numbers: arch/x86/entry/syscalls/syscall_64.tbl of Linux. In rax; arguments in rdi, rsi.
  amd64: {
    elf: 62,
    code: (seconds) =>
      Buffer.from([
        ...[0x6a, 0x00], // push 0
        ...[0x6a, seconds], // push seconds
        ...[0x48, 0x89, 0xe7], // mov rdi, rsp
        ...[0x31, 0xf6], // xor esi, esi
        ...[0xb8, 35, 0, 0, 0], // mov eax, nanosleep
        ...[0x0f, 0x05], // syscall
        ...[0x31, 0xff], // xor edi, edi
        ...[0xb8, 60, 0, 0, 0], // mov eax, exit
        ...[0x0f, 0x05], // syscall
      ]),
  },
  // System call numbers: include/uapi/asm-generic/unistd.h of Linux. In x8; arguments in x0, x1.
  arm64: {
    elf: 183,
    code: (seconds) =>
      words([
        0xd2800009 | (seconds << 5), // mov x9, seconds
        0xa9bf7fe9, // stp x9, xzr, [sp, -16]!
        0x910003e0, // mov x0, sp
        0xd2800001, // mov x1, 0
        0xd2800008 | (101 << 5), // mov x8, nanosleep
        0xd4000001, // svc 0
        0xd2800000, // mov x0, 0
        0xd2800008 | (93 << 5), // mov x8, exit
        0xd4000001, // svc 0
      ]),
  },
};

/** `architecture`: GOARCH. `seconds`: 1 to 127. Undefined where none is known. */
export function sleepProgram(architecture: string, seconds: number): Uint8Array | undefined {
  const machine = machines[architecture];
  if (machine === undefined) return undefined;
  const code = machine.code(seconds);
  return Buffer.concat([header(machine.elf), programHeader(code.length), code]);
}

function header(machine: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  // 64 bits, little-endian, version 1, System V.
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  bytes.writeUInt16LE(2, 16); // ET_EXEC
  bytes.writeUInt16LE(machine, 18);
  bytes.writeUInt32LE(1, 20); // version
  bytes.writeBigUInt64LE(BigInt(address + headerBytes + programHeaderBytes), 24); // entry
  bytes.writeBigUInt64LE(BigInt(headerBytes), 32); // program header's place
  bytes.writeUInt16LE(headerBytes, 52);
  bytes.writeUInt16LE(programHeaderBytes, 54);
  bytes.writeUInt16LE(1, 56); // program headers
  return bytes;
}

/** All of the file is read into memory and may be run there, and not written. */
function programHeader(codeBytes: number): Buffer {
  const bytes = Buffer.alloc(programHeaderBytes);
  const size = BigInt(headerBytes + programHeaderBytes + codeBytes);
  bytes.writeUInt32LE(1, 0); // PT_LOAD
  bytes.writeUInt32LE(5, 4); // PF_R | PF_X
  bytes.writeBigUInt64LE(BigInt(address), 16);
  bytes.writeBigUInt64LE(BigInt(address), 24);
  bytes.writeBigUInt64LE(size, 32);
  bytes.writeBigUInt64LE(size, 40);
  bytes.writeBigUInt64LE(0x10000n, 48); // the largest page of arm64
  return bytes;
}

function words(instructions: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * instructions.length);
  for (const [index, word] of instructions.entries()) bytes.writeUInt32LE(word >>> 0, 4 * index);
  return bytes;
}
