/** Nobody listens: what is still open ends, as it does when a remote's process is gone. */
import type { Apply } from './toxic.ts';

export const down: Apply<'down'> = async (_toxic, _piece, flow) => flow.reset();
