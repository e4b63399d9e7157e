/** The orders of a configuration, as the first process of a guest reads them. */
export function readOrders(config: Uint8Array): readonly (readonly string[])[] {
  const bytes = Buffer.from(config);
  const orders: string[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf("\n", at);
    const [name = "", length = ""] = bytes.subarray(at, end).toString().split(" ");
    const body = bytes.subarray(end + 1, end + 1 + Number(length)).toString();
    orders.push([name, ...body.slice(0, -1).split("\0")]);
    at = end + 1 + Number(length);
  }
  return orders;
}
