/** File systems of which each mount is a separate instance; the options of others belong to the whole machine. */
const ownOptions = new Set(["overlay", "tmpfs", "proc", "erofs"]);

/**
 * The lines of /proc/PID/mountinfo, proc(5), in their order and without the numbers that differ between processes: ids
 * of mounts, of devices and of peer groups, and options of file systems that others have mounted too. Two processes
 * that see the same mounts get the same lines.
 */
export function mountLines(mountinfo: string): readonly string[] {
  return mountinfo
    .split("\n")
    .filter((line) => line !== "")
    .map(normalized);
}

function normalized(line: string): string {
  const [mount = "", fileSystem = ""] = splitOnce(line, " - ");
  const [, , , root, point, options, ...propagation] = mount.split(" ");
  const [type = "", source, superOptions] = fileSystem.split(" ");
  return [
    ...[root, point, options, ...propagation.map((tag) => tag.replace(/:\d+$/, ""))],
    ...["-", type, source],
    ...(ownOptions.has(type) ? [superOptions] : []),
  ].join(" ");
}

function splitOnce(text: string, by: string): readonly string[] {
  const at = text.indexOf(by);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + by.length)];
}

/** The content of one normalized line. */
export interface MountLine {
  /** With blanks and other special characters unescaped. */
  readonly point: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
}

export function parseMountLine(line: string): MountLine {
  const [mount = "", fileSystem = ""] = splitOnce(line, " - ");
  const [, point = "", options = ""] = mount.split(" ");
  const [type = "", source = ""] = fileSystem.split(" ");
  return { point: unescaped(point), options: options.split(","), type, source: unescaped(source) };
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
