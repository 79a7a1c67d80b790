/** The verdicts on VMs whose migration met a fault: both tables, cell by cell, and what counts. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { withVerdictTables } from '../../daemon/api/migration-docs.ts';
import {
  factsOf,
  judgeArrival,
  judgeLost,
  type LostVerdict,
  type Way,
} from '../../daemon/core/migration.ts';
import { judgeSides, type SidesVerdict } from '../../daemon/core/migration-sides.ts';
import {
  type Departure,
  departures,
  type Execution,
  executions,
  type MigrationArrival,
} from '../../sdk/plugin/migration.ts';
import { repoRoot } from '../_support/root.ts';

type Cells = readonly [string, string, string, string];

/** started placeholder completed → running, paused-complete, paused-incoming, absent. */
const lost: Readonly<Record<string, Cells>> = {
  yyy: [
    'migrated/keep',
    'migrated/resume',
    'migrated-then-lost/remove-then-recover',
    'migrated-then-lost/recover',
  ],
  ...Object.fromEntries(
    ['yyn', 'yny', 'ynn', 'nyy', 'nyn', 'nny'].map((facts): [string, Cells] => [
      facts,
      [
        'ambiguous/fence-then-adopt',
        'ambiguous/fence-then-adopt',
        'partial/remove-then-recover',
        'partial/remove-then-recover',
      ],
    ]),
  ),
  nnn: [
    'ambiguous/fence-then-adopt',
    'ambiguous/fence-then-adopt',
    'partial/remove-then-recover',
    'never-begun/recover',
  ],
};

for (const [letters, cells] of Object.entries(lost)) {
  for (const [at, execution] of executions.entries()) {
    test(`verdict: source unreachable, facts ${letters}, ${execution} → ${cells[at]}`, (t) => {
      const [started, placeholder, completed] = [...letters].map((letter) => letter === 'y');
      const facts = {
        started: started === true,
        placeholder: placeholder === true,
        completed: completed === true,
      };
      const [verdict, way] = (cells[at] as string).split('/') as [LostVerdict, Way];
      t.deepEqual(judgeLost(facts, execution), { verdict, way });
    });
  }
}

test('verdict: "migrated" only of yes/yes/yes, and never of a shell or of nothing', (t) => {
  const migrated: string[] = [];
  for (const letters of Object.keys(lost)) {
    const [started = false, placeholder = false, completed = false] = [...letters].map(
      (letter) => letter === 'y',
    );
    for (const execution of executions) {
      const { verdict } = judgeLost({ started, placeholder, completed }, execution);
      if (verdict === 'migrated') migrated.push(`${letters} ${execution}`);
    }
  }
  t.deepEqual(migrated, ['yyy running', 'yyy paused-complete']);
});

const whole: MigrationArrival = {
  startedId: 'm2',
  placeholder: { vmId: 'vm', migrationId: 'm2' },
  completedId: 'm2',
  execution: 'running',
};

const odd: readonly (readonly [string, MigrationArrival, string])[] = [
  ['all of one migration', whole, 'yes yes yes'],
  ["an older migration's mark", { ...whole, completedId: 'm1' }, 'yes yes no'],
  [
    "another VM's placeholder",
    { ...whole, placeholder: { vmId: 'other', migrationId: 'm2' } },
    'yes no yes',
  ],
  [
    "an older migration's placeholder",
    { ...whole, placeholder: { vmId: 'vm', migrationId: 'm1' } },
    'yes no yes',
  ],
  [
    'no start',
    { placeholder: whole.placeholder, completedId: 'm2', execution: 'running' } as MigrationArrival,
    'no yes yes',
  ],
  ['a mark alone', { completedId: 'm2', execution: 'absent' }, 'no no yes'],
  ['nothing', { execution: 'absent' }, 'no no no'],
];
for (const [what, arrival, expected] of odd) {
  test(`verdict: at the destination stands ${what} → facts ${expected}`, (t) => {
    const { started, placeholder, completed } = factsOf('vm', arrival);
    const found = [started, placeholder, completed].map((yes) => (yes ? 'yes' : 'no')).join(' ');
    t.is(found, expected);
  });
}

test('verdict: the destination knows of no migration → never begun', (t) => {
  t.deepEqual(judgeArrival('vm', undefined), { verdict: 'never-begun', way: 'recover' });
});

/** What was measured on QEMU: how each fault ends, and where the VM is then. */
const faults: readonly (readonly [string, Departure, Execution, boolean, SidesVerdict])[] = [
  ['source killed before the switch-over', 'gone', 'absent', false, 'lost'],
  ['destination killed, or stream cut, in pre-copy', 'running', 'absent', false, 'at-source'],
  ['stream stalled', 'migrating', 'paused-incoming', false, 'at-source'],
  ['destination killed at pre-switchover', 'switching', 'absent', false, 'at-source'],
  ['last bytes lost, return-path off', 'handed-over', 'absent', false, 'at-source'],
  ['last bytes lost, return-path on', 'running', 'absent', false, 'at-source'],
  ['acknowledgement lost, destination starts', 'running', 'running', false, 'split-brain'],
  ['acknowledgement lost, -S', 'running', 'paused-complete', false, 'at-source'],
  ['source killed after completed', 'gone', 'paused-complete', false, 'transferred'],
  ['destination killed after completed', 'handed-over', 'absent', false, 'at-source'],
  ['the same, once it may have gone on', 'handed-over', 'absent', true, 'lost'],
  ['none: before the guest goes on', 'handed-over', 'paused-complete', true, 'transferred'],
  ['none: all is well', 'handed-over', 'running', true, 'at-destination'],
];
for (const [fault, departure, execution, completed, expected] of faults) {
  test(`verdict: both sides asked, ${fault} → ${expected}`, (t) => {
    t.is(judgeSides(departure, execution, completed), expected);
  });
}

test('verdict: both sides asked, a guest runs at both → split brain, and only then', (t) => {
  const found = departures.flatMap((departure) =>
    executions
      .filter((execution) => judgeSides(departure, execution, false) === 'split-brain')
      .map((execution) => `${departure} ${execution}`),
  );
  t.deepEqual(found, ['running running', 'migrating running']);
});

test('verdict: what was handed over goes on at its source only without the mark', (t) => {
  for (const execution of executions) {
    t.not(judgeSides('handed-over', execution, true), 'at-source', execution);
  }
});

test('docs: the tables of docs/migrations.md are the functions', (t) => {
  const page = readFileSync(`${repoRoot}docs/migrations.md`, 'utf8');
  t.is(withVerdictTables(page), page, 'run npm run gen:docs');
});
