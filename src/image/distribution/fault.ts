import { toKilnError } from "../../lib/errors.ts";

/** An answer that a client of the distribution specification understands ("Error Codes"). */
export class DistributionFault extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const codes: Readonly<Record<string, string>> = {
  image_unknown: "MANIFEST_UNKNOWN",
  image_invalid: "MANIFEST_INVALID",
  version_taken: "DENIED",
};

export function toFault(error: unknown): DistributionFault {
  if (error instanceof DistributionFault) return error;
  const { code, httpStatus, message, hint } = toKilnError(error);
  const words = hint === undefined ? message : `${message} ${hint}`;
  return new DistributionFault(httpStatus, codes[code] ?? "UNKNOWN", words);
}
