/** sethostname(2) takes at most 64 bytes; longer ids keep their end, which tells them apart. */
export function hostnameOf(id: string): string {
  const name = id.replaceAll("_", "-"); // RFC 1123 section 2.1
  return name.length <= 64 ? name : name.slice(-64).replace(/^[^a-z0-9]+/, "");
}
