/** Of the transcript of one session, what comes behind is left out. */
export const transcriptBytes = 4 * 1024 ** 2;

/** The longest that somebody may be in a server with `kiln exec`: so long it is kept, out of traffic. */
export const longestSessionMs = 8 * 3_600_000;

/** How long a reproduction of a server is kept. */
export const longestReproductionMs = 24 * 3_600_000;
