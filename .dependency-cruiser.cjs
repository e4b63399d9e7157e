// Which folder may import which: the arrows of docs/architecture.md, as a check that fails.
const ours = (...folders) => folders.map((f) => `^src/${f}`);
const tests = "(\\.test|/testing)\\.ts$";
const platformContract = "platform/contract/";
/** Files in `from` may import only `to` (and npm packages). */
const only = (name, from, ...to) => ({
  name,
  severity: "error",
  from: { path: ours(from), pathNot: tests },
  to: { path: "^src/", pathNot: ours(from, ...to) },
});

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment:
        "Nor cycles of types: files that need each other's types are one subject, or share a third file.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    only("domain-imports-nothing-of-ours", "domain/"),
    only("lib-imports-nothing-of-ours", "lib/"),
    {
      name: "domain-is-pure",
      severity: "error",
      from: { path: "^src/domain/", pathNot: tests },
      to: { dependencyTypes: ["core"] },
    },
    // What `image.from` may say is written once, with each source of images.
    only("spec", "spec/", "image/sources/sources\\.ts", "domain/", "lib/"),
    only("image", "image/", "domain/", "lib/"),
    only("trust", "trust/", "image/", "domain/", "lib/"),
    only("audit", "audit/", "domain/", "lib/"),
    only("store", "store/", "audit/", "domain/", "lib/"),
    only("router", "router/", "domain/", "lib/"),
    // Evidence is kept as a tar archive.
    only(
      "drift",
      "drift/",
      platformContract,
      "platform/linux/subject\\.ts",
      "image/tar/(tar-writer|entry)\\.ts",
      "domain/",
      "lib/",
    ),
    // What hosts whose servers are Linux processes share: `local` and `docker` know it, and never each other.
    only("platform-linux", "platform/linux/", platformContract, "domain/", "lib/"),
    only("platform-contract", platformContract, "domain/", "lib/"),
    // A virtual machine's host is the local one with another runtime: docs/adr/0030.
    only(
      "platform-vm",
      "platform/vm/",
      platformContract,
      "platform/fleet/",
      "platform/linux/",
      "platform/local/",
      "domain/",
      "lib/",
    ),
    ...["fleet", "local", "docker", "kubernetes", "terraform", "fake"].map((p) =>
      only(
        `platform-${p}`,
        `platform/${p}/`,
        platformContract,
        "platform/fleet/",
        "platform/linux/",
        "router/(preview-key|router)\\.ts",
        "domain/",
        "lib/",
      ),
    ),
    only(
      "controller",
      "controller/",
      platformContract,
      "router/(preview-key|router)\\.ts",
      "api/contract/",
      "store/",
      "spec/policy/read-policy\\.ts",
      "image/",
      "trust/",
      "drift/",
      "audit/",
      "domain/",
      "lib/",
    ),
    // The page has the types of the contract and its table, and says grants and troubles of branches as everything does; zod alone would be larger than all of it.
    only(
      "dashboard",
      "dashboard/",
      "api/contract/(contract|types)\\.ts",
      "domain/access/access\\.ts",
      "domain/source\\.ts",
    ),
    only("access", "access/", "api/contract/", "store/", "audit/", "domain/", "lib/"),
    only("api-contract", "api/contract/", "audit/", "domain/", "lib/"),
    {
      name: "api-contract-loads-no-schemas",
      comment: "The table names schemas: a client starts fast, and the page stays small.",
      severity: "error",
      from: { path: "^src/api/contract/(contract|entry|types|[a-z]+/operations)\\.ts$" },
      to: { path: ["zod", "/schema/", "shapes\\.ts$"], dependencyTypesNot: ["type-only"] },
    },
    only("api-client", "api/client/", "api/contract/", "domain/", "lib/"),
    only("api-routes", "api/routes", "api/contract/", "domain/", "lib/"),
    // What every provider of Terraform does; what Kiln's one offers is in `cli/terraform`.
    only("terraform-provider", "terraform-provider/", "lib/"),
    only(
      "cli",
      "cli/",
      "terraform-provider/",
      "controller/operations\\.ts",
      platformContract,
      // What a command installs on a cluster.
      "platform/kubernetes/install/",
      "api/contract/",
      "api/client/",
      "spec/",
      "image/",
      "trust/",
      "audit/",
      "domain/",
      "lib/",
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".cjs", ".js"] },
  },
};
