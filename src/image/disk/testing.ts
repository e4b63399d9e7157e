/** As little as a program for UEFI may be: one section of 512 bytes, and room for others in its header. */
export function littleStub(): Buffer {
  const stub = Buffer.alloc(1024 + 512);
  stub.write("MZ", 0);
  stub.writeUInt32LE(0x40, 0x3c);
  stub.write("PE\0\0", 0x40, "latin1");
  stub.writeUInt16LE(1, 0x46);
  stub.writeUInt16LE(240, 0x54);
  const optional = 0x58;
  stub.writeUInt16LE(0x20b, optional);
  stub.writeUInt32LE(512, optional + 36);
  stub.writeUInt32LE(0x5200, optional + 56);
  stub.writeUInt32LE(1024, optional + 60);
  stub.writeUInt32LE(16, optional + 108);
  stub.write(".text", optional + 240);
  for (const [i, field] of [512, 0x1000, 512, 1024].entries())
    stub.writeUInt32LE(field, optional + 248 + 4 * i);
  return stub;
}
