/**
 * Makes all packages of this checkout, and prints the path of each.
 *
 *   npm run --silent package [-- FOLDER]      the folder for them; default: dist
 */
await import("./package-deb.ts");
await import("./package-npm.ts");
