/** Where `slow-lab.ts` writes down what calls have taken so far: a file in the daemon's state. */
export const sleptFile = 'slept';
