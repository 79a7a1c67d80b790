/** The command's version. A test holds it equal to the packages' and to the daemon's. */
export const version = '0.1.0';
