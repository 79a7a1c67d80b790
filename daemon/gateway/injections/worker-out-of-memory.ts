/** The worker thread takes memory until it has none, as a plugin does that leaks. */
import type { Apply } from './scene.ts';

export const workerOutOfMemory: Apply<'worker-out-of-memory'> = (_injection, { crash, struck }) => {
  struck();
  return crash('memory');
};
