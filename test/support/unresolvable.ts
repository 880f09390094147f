/**
 * A host name that no resolver knows. Each part of a name has 63 characters at most (RFC 1035, 2.3.4), so it is refused
 * without a question: an answer of a DNS server would take as long as the network of the machine likes.
 */
export const unresolvable = `${'no-such-host'.repeat(6)}.invalid`;
