/** Commands that somebody may end before they are done. */

/** Tells the work of the first of these signals; a second one ends the process. */
export const whileStoppable = async <T>(
  signals: readonly NodeJS.Signals[],
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> => {
  const stop = new AbortController();
  const onStop = () => stop.abort();
  for (const signal of signals) process.once(signal, onStop);
  try {
    return await work(stop.signal);
  } finally {
    for (const signal of signals) process.removeListener(signal, onStop);
  }
};
