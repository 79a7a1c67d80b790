/** What a view of a run shows where it does not show all. */
import test from 'ava';
import { viewOf } from '../../daemon/core/engine/view.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

test('view: more than it lists → what needs attention first, and how many there are', (t) => {
  const many = Array.from({ length: 30 }, (_, at) =>
    workgroup(`v${at}`, [`vm${at}`], { storage: 0 }),
  );
  const refuse: World = {
    answer: ({ group }) => (group === 'v29' || group === 'v28' ? fault('refused', 'no') : 'ok'),
  };
  const { state } = new Drive(frozenRun([step('register')], many), refuse).run();
  const view = viewOf(state, 1);
  t.deepEqual([view.workgroups.map(({ id }) => id), view.workgroupsTotal], [['v28'], 30]);
  t.deepEqual([view.notes.map(({ itemId }) => itemId), view.notesTotal], [['vm28'], 2]);
  t.like(viewOf(state, 0), { workgroups: [], workgroupsTotal: 30, notes: [] });
});
