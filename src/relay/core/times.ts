/** What every engine keeps to, whichever it is. */

/** How long a refused client may take to read why and close, in milliseconds. Closing on unread input would reset the line away. */
export const partingMs = 1_000;

/** Wait before a listener on which accepting failed is looked at again, in milliseconds: the first, and the longest. */
export const firstPauseMs = 5;
export const longestPauseMs = 1_000;
