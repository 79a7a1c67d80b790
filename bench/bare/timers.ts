/** The limit of a makespan: the same chains of waits in one event loop, nothing around them. */

/** Milliseconds that `chains` of `steps` waits take with `slots` at once. */
export const chainsOfWaits = async (
  { chains, steps, slots }: { chains: number; steps: number; slots: number },
  waitMs: number,
): Promise<number> => {
  const begunMs = performance.now();
  const ready = Array.from({ length: chains }, () => steps);
  await new Promise<void>((resolve) => {
    let left = chains * steps;
    const begin = (): void => {
      const chain = ready.shift();
      if (chain === undefined) return;
      setTimeout(() => {
        if (chain > 1) ready.push(chain - 1);
        if (--left === 0) resolve();
        begin();
      }, waitMs);
    };
    for (let slot = 0; slot < slots; slot++) begin();
  });
  return performance.now() - begunMs;
};
