import { z } from "zod";
import { summaryOf } from "./advisory.ts";

const named = z.union([
  z.string(),
  z.object({ name: z.string(), aliases: z.array(z.string()).exactOptional() }),
]);
const component = z.object({ "@id": z.string().exactOptional() });
const product = component.extend({ subcomponents: z.array(component).exactOptional() });

const statement = z
  .object({
    vulnerability: named,
    products: z.array(product).min(1),
    status: z.enum(["not_affected", "affected", "fixed", "under_investigation"]),
    justification: z.string().exactOptional(),
    impact_statement: z.string().exactOptional(),
    timestamp: z.iso.datetime({ offset: true }).exactOptional(),
  })
  .refine(
    ({ status, justification, impact_statement: impact }) =>
      status !== "not_affected" || justification !== undefined || impact !== undefined,
    "not_affected needs a justification or an impact_statement",
  );

/** An OpenVEX document (https://github.com/openvex/spec), as far as it is used. */
export const vexDocument = z.object({
  "@context": z.string().startsWith("https://openvex.dev/"),
  "@id": z.string().min(1).max(1000),
  timestamp: z.iso.datetime({ offset: true }),
  statements: z.array(statement),
});

/** What someone has found out about a vulnerability in an image of theirs. */
export interface VexStatement {
  readonly ids: readonly string[];
  readonly products: readonly VexProduct[];
  readonly status: "not_affected" | "affected" | "fixed" | "under_investigation";
  /** One line. */
  readonly why: string;
  readonly atMs: number;
}

interface VexProduct {
  /** A package URL, or another name. */
  readonly id: string;
  readonly parts: readonly string[];
}

export function isVex(document: object): boolean {
  return "@context" in document && "statements" in document;
}

export function vexStatements(document: z.infer<typeof vexDocument>): readonly VexStatement[] {
  return document.statements.map(({ vulnerability, products, status, timestamp, ...rest }) => ({
    ids:
      typeof vulnerability === "string"
        ? [vulnerability]
        : [vulnerability.name, ...(vulnerability.aliases ?? [])],
    products: products.map(({ "@id": id = "", subcomponents = [] }) => ({
      id,
      parts: subcomponents.map((part) => part["@id"] ?? ""),
    })),
    status,
    why: summaryOf(rest.impact_statement ?? rest.justification?.replaceAll("_", " ") ?? ""),
    atMs: Date.parse(timestamp ?? document.timestamp),
  }));
}

/** What a statement may be about: a source package of an image, with the binary packages made from it. */
export interface VexSubject {
  readonly id: string;
  readonly image: string;
  readonly source: { readonly name: string; readonly version: string };
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

/** The newest statement about this; of several of one time, the last. */
export function statementAbout(all: readonly VexStatement[], subject: VexSubject): VexStatement | undefined {
  return all
    .filter(
      (one) => one.ids.includes(subject.id) && one.products.some((product) => isAbout(product, subject)),
    )
    .reduce<VexStatement | undefined>((last, one) => (last && last.atMs > one.atMs ? last : one), undefined);
}

function isAbout({ id, parts }: VexProduct, subject: VexSubject): boolean {
  if (id.startsWith("pkg:deb/")) return namesPackage(id, subject);
  return (
    namesImage(id, subject.image) && (parts.length === 0 || parts.some((one) => namesPackage(one, subject)))
  );
}

/** `pkg:oci/shop@sha256%3A…`, or the digest itself. A name without a digest would also be true of images to come. */
function namesImage(id: string, image: string): boolean {
  if (id === image) return true;
  const [, digest = ""] = /^pkg:oci\/[^@]+@([^?#]+)/.exec(id) ?? [];
  return digest.replace(/%3a/i, ":") === image;
}

/** Without a version: every version of the package. */
function namesPackage(purl: string, { source, packages }: VexSubject): boolean {
  const [, name = "", , version] = /^pkg:deb\/[^/]+\/([^@?#]+)(@([^?#]+))?/.exec(purl) ?? [];
  return [source, ...packages].some(
    (one) => decoded(name) === one.name && (version === undefined || decoded(version) === one.version),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
