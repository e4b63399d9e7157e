import type { RouterPaths } from "../paths.ts";

/** What the configuration needs to know of the machine. */
export interface RouterMachine {
  readonly paths: RouterPaths;
  /** Started by root: the account that the worker changes to. Absent: it stays who it is. */
  readonly account: { readonly user: string; readonly group: string } | undefined;
  readonly ipv6: boolean;
  /** What challenges of ACME are answered with after their token; absent: this installation has no account. */
  readonly thumbprint?: string | undefined;
  /** How many files the worker may have open. */
  readonly openFiles: number;
  /** Whether HAProxy has the pipe for its access log: one that an older Kiln started has none. */
  readonly takesAccessLog: boolean;
}
