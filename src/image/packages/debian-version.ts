/**
 * Orders two Debian versions as dpkg does (Debian Policy section 5.6.12): negative when `a` is the older one, 0 when they are equal. The
 * epoch counts first, then the upstream version, then the revision.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

/** What dpkg accepts as a version, in at most 256 characters. */
export function isVersion(text: string): boolean {
  return (
    text.length <= 256 && /^(?:\d{1,9}:[0-9A-Za-z][0-9A-Za-z.+~:-]*|[0-9A-Za-z][0-9A-Za-z.+~-]*)$/.test(text)
  );
}

function partsOf(version: string) {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** Alternately the longest run without digits, character by character, and the longest run of digits, as numbers. */
function compareParts(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    for (; isOther(a, i) || isOther(b, j); i++, j++) {
      const difference = rank(a, i) - rank(b, j);
      if (difference !== 0) return difference;
    }
    const [left, right] = [digitsAt(a, i), digitsAt(b, j)];
    const difference = compareNumbers(left, right);
    if (difference !== 0) return difference;
    i += left.length;
    j += right.length;
  }
  return 0;
}

const isDigit = (code: number) => code >= 48 && code <= 57;

function isOther(text: string, at: number): boolean {
  return at < text.length && !isDigit(text.charCodeAt(at));
}

/** `~` before the end of the text, the end before letters, letters before all other characters. */
function rank(text: string, at: number): number {
  if (!isOther(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (code === 126) return -1;
  return /[A-Za-z]/.test(text.charAt(at)) ? code : code + 256;
}

function digitsAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && isDigit(text.charCodeAt(end))) end++;
  return text.slice(at, end);
}

/** As numbers of any length. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return left.length - right.length || (left < right ? -1 : Number(left > right));
}
