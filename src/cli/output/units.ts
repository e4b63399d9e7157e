/** `0.24 s`, `3.2 s`, `2 min 5 s`, `3 h 20 min`, `4 d 2 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return two(whole, 60, "min", "s");
  if (whole < 86_400) return two(Math.round(whole / 60), 60, "h", "min");
  return two(Math.round(whole / 3600), 24, "d", "h");
}

/** Age in one word, as in tables: `5 s`, `12 min`, `3 h`, `8 d`. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Binary units (IEC 80000-13): `512 B`, `1.4 KiB`, `57 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Local date and time to the second: `2026-03-14 15:09:26`. */
export function formatTime(ms: number): string {
  const d = new Date(ms);
  const date = [d.getFullYear(), pad(d.getMonth() + 1), pad(d.getDate())].join("-");
  return `${date} ${[d.getHours(), d.getMinutes(), d.getSeconds()].map(pad).join(":")}`;
}

/** The digest, short enough to read: `sha256:` and twelve digits. */
export function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

/** `1 server`, `3 servers`. */
export function plural(count: number, word: string, many = `${word}s`): string {
  return `${count} ${count === 1 ? word : many}`;
}

function two(total: number, base: number, large: string, small: string): string {
  const rest = total % base;
  return `${Math.floor(total / base)} ${large}${rest === 0 ? "" : ` ${rest} ${small}`}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
