/** The daemon's version: travels with every answer. Apart, for who needs nothing else of it. */
export const version = '0.1.0';
