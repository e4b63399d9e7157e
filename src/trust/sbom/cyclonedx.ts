import { sha256 } from "../../lib/files/sha256.ts";
import type { Contents, System } from "./contents.ts";
import type { DebianPackage } from "./debian-package.ts";
import { dependenciesIn } from "./dependencies.ts";
import { purlOf } from "./purl.ts";

/**
 * A CycloneDX 1.6 document (its JSON schema). Equal contents give equal documents: the serial number follows from the digest, and it states no
 * time. Trivy takes the source package from the two properties that bear its name.
 */
export function cyclonedxDocument({ digest, system, packages, layers }: Contents): object {
  const refs = new Map(packages.map((one) => [one, purlOf(one, system)]));
  const refOf = (one: DebianPackage) => refs.get(one) ?? "";
  const holder = system === undefined ? digest : systemRef(system);
  const own = packages.map(refOf);
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: "application", name: "kiln" }] },
      component: { type: "container", "bom-ref": digest, name: digest, version: digest, ...hashOf(digest) },
    },
    components: [
      ...(system === undefined ? [] : [systemComponent(system)]),
      ...layers.map((layer, i) => ({
        ...{ type: "file", "bom-ref": layerRef(i), name: `${layer.name} layer` },
        ...hashOf(layer.digest),
      })),
      ...packages.map((one) => component(one, refOf(one))),
    ],
    dependencies: [
      {
        ref: digest,
        dependsOn: [...(system === undefined ? own : [holder]), ...layers.map((_, i) => layerRef(i))],
      },
      ...(system === undefined ? [] : [{ ref: holder, dependsOn: own }]),
      ...[...dependenciesIn(packages)].map(([one, needed]) => ({
        ref: refOf(one),
        dependsOn: needed.map(refOf),
      })),
    ],
  };
}

const layerRef = (index: number) => `layer-${index + 1}`;
const systemRef = ({ id, version = "" }: System) => `os:${id}-${version}`;

function systemComponent(system: System): object {
  const { id, version } = system;
  const stated = version === undefined ? {} : { version };
  return { type: "operating-system", "bom-ref": systemRef(system), name: id, ...stated };
}

function component({ name, version, source, maintainer }: DebianPackage, purl: string): object {
  const supplier = maintainer === undefined ? {} : { supplier: { name: maintainer.replaceAll("\n", " ") } };
  return {
    ...{ type: "library", "bom-ref": purl, name, version, purl },
    ...supplier,
    properties: [
      { name: "aquasecurity:trivy:SrcName", value: source.name },
      { name: "aquasecurity:trivy:SrcVersion", value: source.version },
    ],
  };
}

function hashOf(digest: string) {
  return { hashes: [{ alg: "SHA-256", content: digest.replace("sha256:", "") }] };
}

/** A UUID of version 8 (RFC 9562 section 5.8): its other bits are taken from a hash of the image's digest. */
function uuidOf(digest: string): string {
  const hex = sha256(`kiln sbom ${digest}`);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join("-");
}
