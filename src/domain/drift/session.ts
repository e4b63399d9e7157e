/** The longest transcript of a session: what comes after so many bytes is left out. */
export const transcriptBytes = 4 * 1024 ** 2;

/** The longest session in a server with `kiln exec`: so long the server is kept, out of traffic. */
export const longestSessionMs = 8 * 3_600_000;

/** How long a reproduction of a server is kept. */
export const longestReproductionMs = 24 * 3_600_000;
