import packageJson from "../../package.json" with { type: "json" };

/** Kiln's version, from package.json (Semantic Versioning 2.0.0). */
export const version: string = packageJson.version;
