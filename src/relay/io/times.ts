/** What every engine keeps to, whichever it is. */

/** Wait before a listener on which accepting failed is looked at again, in milliseconds: the first, and the longest. */
export const firstPauseMs = 5;
export const longestPauseMs = 1_000;
