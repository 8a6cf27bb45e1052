/** What processes say they are; the same as in package.json, which a test compares. */
export const VERSION = '0.1.0';
