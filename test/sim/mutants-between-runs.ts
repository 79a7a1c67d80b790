/** Defects in what runs know of each other, side by side and one after the other. */
import type { Mutant } from './mutants.ts';

export const mutantsBetweenRuns: readonly Mutant[] = [
  {
    defect: 'runs that are open together know nothing of each other',
    patches: [
      {
        module: 'daemon/core/claims',
        find: 'if (alike.length === 0)',
        put: 'if (alike.length >= 0)',
      },
    ],
    caughtBy: 'no-operation-twice',
    shownBy: 20,
  },
  {
    defect: 'what another run has in its hands is not waited for',
    patches: [
      {
        module: 'daemon/core/engine/claims',
        find: "if (run.result === undefined)\n        return { kind: 'claimed' };",
        put: "if (run.result === undefined)\n        return { kind: 'released' };",
      },
    ],
    caughtBy: 'no-operation-twice',
    shownBy: 20,
  },
  {
    defect: 'what another run has done is done once more',
    patches: [
      {
        module: 'daemon/core/engine/claims',
        find: "else if (found.state.kind === 'done' && position !== undefined)",
        put: "else if (found.state.kind === 'never')",
      },
    ],
    caughtBy: 'no-operation-twice',
    shownBy: 20,
  },
  {
    defect: 'what a superseded run had left in doubt is not asked about',
    patches: [{ module: 'daemon/runner/open-calls', find: '!wasLeft(', put: 'wasLeft(' }],
    caughtBy: 'every-vm-once-or-reported',
    shownBy: 211_808,
  },
  {
    defect: 'of what a run that was given up had done nothing is remembered',
    patches: [
      {
        module: 'daemon/core/engine/doubts',
        find: "result !== 'succeeded' && isUntouched(state)",
        put: "result !== 'succeeded'",
      },
    ],
    caughtBy: 'run-again-converges',
    shownBy: 424,
  },
];
