/** Commands that somebody may end before they are done: a person, or who started the process. */

const stopping = ['SIGINT', 'SIGTERM'] as const;

/** Tells the work of the first of these signals; a second one ends the process. */
export const whileStoppable = async <T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> => {
  const stop = new AbortController();
  const onStop = () => stop.abort();
  for (const signal of stopping) process.once(signal, onStop);
  try {
    return await work(stop.signal);
  } finally {
    for (const signal of stopping) process.removeListener(signal, onStop);
  }
};
