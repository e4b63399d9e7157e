import { sha256 } from "../../lib/files/sha256.ts";
import type { Contents, System } from "./contents.ts";
import type { DebianPackage } from "./debian-package.ts";
import { dependenciesIn } from "./dependencies.ts";
import { purlOf } from "./purl.ts";

const unknown = "NOASSERTION";
const image = "SPDXRef-Image";
const operatingSystem = "SPDXRef-OperatingSystem";

/**
 * An SPDX 2.3 document (specification, clauses 6, 7 and 11, and its JSON schema). Equal contents give equal documents: the namespace
 * follows from the digest, and the time is the image's. The image contains its operating system and its layers, and the operating
 * system contains the packages; Trivy reads that shape, and the source package from `sourceInfo`.
 */
export function spdxDocument({ digest, created, system, packages, layers }: Contents): object {
  const ids = new Map(packages.map((one) => [one, idOf(one, system)]));
  const idIn = (one: DebianPackage) => ids.get(one) ?? unknown;
  const holder = system === undefined ? image : operatingSystem;
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: digest,
    documentNamespace: `urn:kiln:sbom:${digest}`,
    creationInfo: { created, creators: ["Tool: kiln"] },
    documentDescribes: [image],
    packages: [
      {
        ...named(image, digest),
        versionInfo: digest,
        ...checksum(digest),
        primaryPackagePurpose: "CONTAINER",
      },
      ...(system === undefined ? [] : [systemPackage(system)]),
      ...layers.map((layer, i) => ({
        ...named(layerId(i), `${layer.name} layer`),
        ...checksum(layer.digest),
        primaryPackagePurpose: "ARCHIVE",
      })),
      ...packages.map((one) => debianPackage(one, idIn(one), system)),
    ],
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", image),
      ...(system === undefined ? [] : [relation(image, "CONTAINS", operatingSystem)]),
      ...layers.map((_, i) => relation(image, "CONTAINS", layerId(i))),
      ...packages.map((one) => relation(holder, "CONTAINS", idIn(one))),
      ...[...dependenciesIn(packages)].flatMap(([one, needed]) =>
        needed.map((other) => relation(idIn(one), "DEPENDS_ON", idIn(other))),
      ),
    ],
  };
}

function named(SPDXID: string, name: string) {
  return {
    ...{ name, SPDXID, downloadLocation: unknown, filesAnalyzed: false },
    ...{ licenseConcluded: unknown, licenseDeclared: unknown, copyrightText: unknown },
  };
}

function checksum(digest: string) {
  return { checksums: [{ algorithm: "SHA256", checksumValue: digest.replace("sha256:", "") }] };
}

function systemPackage({ id, version }: System): object {
  const versionInfo = version === undefined ? {} : { versionInfo: version };
  return { ...named(operatingSystem, id), ...versionInfo, primaryPackagePurpose: "OPERATING_SYSTEM" };
}

function debianPackage(one: DebianPackage, id: string, system: System | undefined): object {
  const { name, version, source, maintainer } = one;
  return {
    ...named(id, name),
    versionInfo: version,
    supplier: maintainer === undefined ? unknown : `Organization: ${supplierOf(maintainer)}`,
    sourceInfo: `built package from: ${source.name} ${source.version}`,
    externalRefs: [
      { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purlOf(one, system) },
    ],
    primaryPackagePurpose: "LIBRARY",
  };
}

/** `NAME (ADDRESS)`, as clause 7.5 writes it. */
function supplierOf(maintainer: string): string {
  return maintainer.replace(/\s*<([^>]*)>\s*$/, " ($1)").replaceAll("\n", " ");
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

const layerId = (index: number) => `SPDXRef-Layer-${index + 1}`;

/** Letters, digits, dots and hyphens only (clause 7.2); names that differ in other characters stay different. */
function idOf(one: DebianPackage, system: System | undefined): string {
  const digits = sha256(purlOf(one, system)).slice(0, 12);
  return `SPDXRef-Package-${one.name.replace(/[^A-Za-z0-9.-]/g, "-")}-${digits}`;
}
