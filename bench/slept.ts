/** The file in the daemon's state in which `plugins/slow-lab.ts` writes down what calls took. */
export const sleptFile = 'slept';
