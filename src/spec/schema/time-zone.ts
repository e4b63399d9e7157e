import * as leaf from "../yaml/leaves.ts";

/** A name of the IANA time zone database. Whether there is such a zone, a rule says. */
export const timeZone = () =>
  leaf.text({
    expected: "a time zone such as UTC or Europe/Berlin",
    pattern: /^[A-Za-z][A-Za-z0-9_+/-]{0,60}$/,
    examples: ["Europe/Berlin"],
  });
