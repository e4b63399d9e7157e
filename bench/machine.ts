import { cpus, loadavg, release, totalmem } from "node:os";

/** What the figures were measured on, one thing an entry. Much load from others makes them worthless. */
export function machineFacts(): readonly string[] {
  const cores = cpus();
  return [
    `${cores.length} x ${cores[0]?.model.trim() ?? "unknown processor"}`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Linux ${release()}`,
    `Node.js ${process.version}`,
    `load ${loadavg()[0]?.toFixed(1)}`,
  ];
}
