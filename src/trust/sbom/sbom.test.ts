import { join } from "node:path";
import { expect, test } from "vitest";
import { buildImage } from "../../image/build.ts";
import { serviceSpec, type Workshop, workshop } from "../../image/test-kit.ts";
import { installedPackages } from "./debian-package.ts";
import { purlOf } from "./purl.ts";
import { type SbomFormat, sbomOf } from "./sbom.ts";

const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u13
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>

Package: nginx
Status: install ok installed
Architecture: amd64
Version: 1.22.1-9+b1
Depends: libc6 (>= 2.34), httpd-cgi | libnot-here, libstdc++6:any

Package: libstdc++6
Status: install ok installed
Architecture: amd64
Source: gcc-12 (12.2.0-14)
Version: 1:12.2.0-14
Provides: httpd-cgi
Maintainer: A <b@example.org>

Package: removed
Status: deinstall ok config-files
Architecture: all
Version: 1
`;

async function imageOf(shop: Workshop, database = status): Promise<string> {
  shop.write("root/run", "#!", 0o755);
  shop.write("root/var/lib/dpkg/status", database);
  shop.write("root/usr/lib/os-release", 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n');
  const files = [{ from: join(shop.project, "root"), to: "/", mode: undefined, owner: undefined }];
  const links = [{ path: "/etc/os-release", target: "../usr/lib/os-release" }];
  return (await buildImage(serviceSpec({ files, links }), shop.options)).digest;
}

async function documentOf(shop: Workshop, digest: string, format: SbomFormat) {
  return JSON.parse(await sbomOf(shop.state, digest, format, shop.options.signal));
}

test("equal images have equal documents, and another image another one, in both formats", async () => {
  using here = workshop();
  using there = workshop();
  const [one, same] = [await imageOf(here), await imageOf(there)];
  const other = await imageOf(here, status.replace("1.22.1-9+b1", "1.22.1-9+b2"));
  for (const format of ["spdx", "cyclonedx"] as const) {
    const text = await sbomOf(here.state, one, format, here.options.signal);
    expect(await sbomOf(there.state, same, format, there.options.signal)).toBe(text);
    expect(await sbomOf(here.state, other, format, here.options.signal)).not.toBe(text);
  }
});

test("a package has its source package and its package URL; a removed package is left out", () => {
  const packages = installedPackages(status);
  const system = { id: "debian", version: "12", codename: "bookworm" };
  expect(packages.map(({ name, source }) => [name, source.name, source.version])).toEqual([
    ["libc6", "glibc", "2.36-9+deb12u13"],
    ["libstdc++6", "gcc-12", "12.2.0-14"],
    ["nginx", "nginx", "1.22.1-9"],
  ]);
  expect(packages.map((one) => purlOf(one, system))).toEqual([
    "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=debian-12&upstream=glibc",
    "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14",
    "pkg:deb/debian/nginx@1.22.1-9%2Bb1?arch=amd64&distro=debian-12&upstream=nginx%401.22.1-9",
  ]);
});

test("an SPDX document keeps the rules of SPDX 2.3", async () => {
  using shop = workshop();
  const digest = await imageOf(shop);
  const document = await documentOf(shop, digest, "spdx");
  expect(document).toMatchObject({
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: digest,
    creationInfo: { creators: ["Tool: kiln"] },
  });
  expect(document.creationInfo.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/); // clause 6.9
  expect(URL.canParse(document.documentNamespace)).toBe(true); // clause 6.5
  expect(document.documentNamespace).not.toContain("#");
  const ids: string[] = document.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/); // clause 7.2
  for (const one of document.packages) {
    expect(one).toMatchObject({ downloadLocation: "NOASSERTION", filesAnalyzed: false });
    expect(one).toMatchObject({ licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION" });
  }
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    expect(["SPDXRef-DOCUMENT", ...ids]).toContain(spdxElementId);
    expect(ids).toContain(relatedSpdxElement);
  }
});

test("an SPDX document names the image's packages, their makers, what they depend on, and the layers", async () => {
  using shop = workshop();
  const document = await documentOf(shop, await imageOf(shop), "spdx");
  const nameOf = (id: string) =>
    document.packages.find(({ SPDXID }: { SPDXID: string }) => SPDXID === id)?.name ?? id;
  const relations = document.relationships.map(
    (one: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }) =>
      `${nameOf(one.spdxElementId)} ${one.relationshipType} ${nameOf(one.relatedSpdxElement)}`,
  );
  expect(relations).toEqual(
    expect.arrayContaining([
      "debian CONTAINS libc6",
      "debian CONTAINS nginx",
      "nginx DEPENDS_ON libc6",
      "nginx DEPENDS_ON libstdc++6", // by name, and by what it provides: once
    ]),
  );
  expect(relations.filter((one: string) => one.includes("DEPENDS_ON"))).toHaveLength(2);
  expect(document.packages.map(({ name }: { name: string }) => name)).toContain("files layer");
  expect(document.packages.find(({ name }: { name: string }) => name === "libc6")).toMatchObject({
    supplier: "Organization: GNU Libc Maintainers (debian-glibc@lists.debian.org)",
    sourceInfo: "built package from: glibc 2.36-9+deb12u13",
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl" }],
  });
});

test("a CycloneDX document has each package once, with its source package, and refers to nothing that it lacks", async () => {
  using shop = workshop();
  const digest = await imageOf(shop);
  const document = await documentOf(shop, digest, "cyclonedx");
  expect(document).toMatchObject({
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    metadata: { component: { type: "container", "bom-ref": digest } },
  });
  expect(document.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const refs: string[] = [
    digest,
    ...document.components.map((one: Record<string, string>) => one["bom-ref"]),
  ];
  expect(new Set(refs).size).toBe(refs.length);
  for (const { ref, dependsOn } of document.dependencies) {
    for (const one of [ref, ...dependsOn]) expect(refs).toContain(one);
  }
  expect(document.components.find(({ name }: { name: string }) => name === "libstdc++6")).toMatchObject({
    type: "library",
    version: "1:12.2.0-14",
    properties: [
      { name: "aquasecurity:trivy:SrcName", value: "gcc-12" },
      { name: "aquasecurity:trivy:SrcVersion", value: "12.2.0-14" },
    ],
  });
});

test("an image without packages has a document of its layers", async () => {
  using shop = workshop();
  shop.write("run", "#!", 0o755);
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  const { digest } = await buildImage(serviceSpec({ files }), shop.options);
  const document = await documentOf(shop, digest, "spdx");
  expect(document.packages.map(({ name }: { name: string }) => name)).toEqual([digest, "files layer"]);
});
