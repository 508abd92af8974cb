/**
 * What texts of a report look like: the server refuses a whole report for one that does not, so an agent leaves out what
 * an image or a client made up.
 */
export const reportForms = {
  /** Printable ASCII without blanks, quotes, angle brackets and backslash: no reference has them, every injection does. */
  plain: /^[!#-&(-;=?-[\]^_a-~]+$/,
  mediaType: /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/,
  /** Characters of an image reference. */
  longestReference: 1_024,
} as const;
