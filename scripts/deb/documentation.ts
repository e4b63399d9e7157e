/** What is below /usr/share/doc/kiln too: the documentation, and what its links lead to. */
export const documentation = [
  ...["README.md", "CONTRIBUTING.md", "docs", "examples", "contrib", "schema", "scripts", "src"],
] as const;
