/** What `kiln login` takes: where a controller is, how to know it, and an invite. */
export interface LoginText {
  /** `HOST:PORT`, an IPv6 address in brackets. */
  readonly address: string;
  /** SHA-256 of the public key of the controller's authority (RFC 7469, section 2.4), in base64url. */
  readonly pin: string;
  /** Absent where a pipeline proves itself in another way. */
  readonly invite: string | undefined;
}

const form =
  /^kiln1\.(\[[0-9A-Fa-f:.]+\]:\d{1,5}|[A-Za-z0-9.-]+:\d{1,5})\.([A-Za-z0-9_-]{43})(?:\.(kiln_inv_\w+))?$/;

/** `kiln1.ADDRESS.PIN.INVITE`, or without its last part. */
export function loginText({ address, pin, invite }: LoginText): string {
  return ["kiln1", address, pin, ...(invite === undefined ? [] : [invite])].join(".");
}

/** Undefined for another text. */
export function parseLoginText(text: string): LoginText | undefined {
  const [, address, pin, invite] = form.exec(text.trim()) ?? [];
  return address === undefined || pin === undefined ? undefined : { address, pin, invite };
}

/** Host and port of `HOST:PORT`; brackets of an IPv6 address are taken off. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}

/**
 * The name in every certificate of a controller, by which clients ask for it whatever address they use: they know the
 * controller by its authority, which certifies nothing else.
 */
export const controllerName = "kiln-controller";
