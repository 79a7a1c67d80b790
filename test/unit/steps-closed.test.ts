/** What an earlier run had closed at the source is not opened by another one's rollback. */
import test from 'ava';
import { callOf, groupItem, storageStep } from '../_support/remote.ts';

const items = [{ ...groupItem('a'), closedBefore: true }, groupItem('b')];
const before = { 'ap/a': { 'a-p': 'outgoing' }, 'ap/b': { 'b-p': 'outgoing' } };

for (const [name, verb] of [
  ['unmount', 'mount'],
  ['demote-source', 'restoreReplication'],
] as const) {
  test(`undo: ${name}, closed before → left as it was found; the others are taken back`, async (t) => {
    const step = storageStep(name);
    const { far, call } = callOf(step, items, {}, { before });
    if (typeof step.undo !== 'function') throw new Error(`${name} has no undo`);
    t.deepEqual(
      (await step.undo({ ...call, before })).map(({ id }) => id),
      ['ap/a', 'ap/b'],
    );
    t.deepEqual(far.verbs(), [verb]);
    t.notRegex(JSON.stringify(far.calls), /"ds-a|"a"/);
  });
}
