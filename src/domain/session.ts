/** Of the transcript of one session, what comes behind is left out. */
export const transcriptBytes = 4 * 1024 ** 2;

/** The longest that somebody may be in a server with `kiln exec`: it is out of traffic, but not replaced for good. */
export const longestSessionMs = 8 * 3_600_000;
