/**
 * Chains of calls on slots where nothing but the calls takes time, in the order of the engine. Who
 * does not know beforehand which call will be long cannot be sure to do better: one that begins at
 * the end goes on alone.
 */
import { lastFewMax } from '../../daemon/core/limits.ts';

interface Chains {
  readonly chains: number;
  readonly steps: number;
  readonly slots: number;
}

/** When the calls in flight end, soonest first, with the step of each. */
const insert = (flying: [endMs: number, step: number][], endMs: number, step: number): void => {
  let at = flying.length;
  while (at > 0 && (flying[at - 1] as [number, number])[0] > endMs) at--;
  flying.splice(at, 0, [endMs, step]);
};

/** The makespan, and work ÷ slots. `nextMs`: what the next call takes. */
export const listSchedule = (
  { chains, steps, slots }: Chains,
  nextMs: () => number,
): { readonly ms: number; readonly idealMs: number } => {
  const ready = Array.from({ length: steps }, (_, step) => (step === 0 ? chains : 0));
  const flying: [number, number][] = [];
  let left = chains;
  let ms = 0;
  let workMs = 0;
  while (left > 0) {
    while (flying.length < slots) {
      const has = (count: number): boolean => count > 0;
      const step = left <= lastFewMax ? ready.findIndex(has) : ready.findLastIndex(has);
      if (step < 0) break;
      ready[step] = (ready[step] as number) - 1;
      const tookMs = nextMs();
      workMs += tookMs;
      insert(flying, ms + tookMs, step);
    }
    const [endMs, step] = flying.shift() as [number, number];
    ms = endMs;
    if (step + 1 < steps) ready[step + 1] = (ready[step + 1] as number) + 1;
    else left--;
  }
  return { ms, idealMs: workMs / slots };
};
