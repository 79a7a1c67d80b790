import test from 'ava';
import { decodeOperation, foldStatuses } from '../../daemon/steps/operations.ts';
import { foldAnswers } from '../../daemon/steps/targets.ts';
import { fault } from '../../sdk/plugin/fault.ts';

const accepted = (id: string) => ({ id, accepted: { operation: `op-${id}` } });

test('operations: several accepted targets → one text that names verb and each', (t) => {
  const answer = foldAnswers('item', 'mount', [
    accepted('x'),
    { id: 'y', ok: true },
    accepted('z'),
  ]);
  if (!('accepted' in answer)) return t.fail();
  t.deepEqual(decodeOperation(answer.accepted.operation), {
    verb: 'mount',
    targets: [
      { id: 'x', operation: 'op-x' },
      { id: 'z', operation: 'op-z' },
    ],
  });
});

test('operations: one accepted beside one fault → in doubt, both named', (t) => {
  const refused = { id: 'y', fault: fault('refused', 'no') };
  t.like(foldAnswers('item', 'mount', [accepted('x'), refused]), {
    fault: { kind: 'unknown', members: ['y', 'x'] },
  });
});

test('operations: statuses → running until all have ended, then fault before done', (t) => {
  const done = { id: 'x', state: 'done', evidence: { a: 1 } } as const;
  const failed = { id: 'y', state: 'failed', fault: fault('refused', 'no') } as const;
  const running = { id: 'z', state: 'running', progress: 0.5 } as const;
  t.deepEqual(foldStatuses('i', [done, running]), { id: 'i', running: true, progress: 0.75 });
  t.deepEqual(foldStatuses('i', [failed, { id: 'z', state: 'running' }]), {
    id: 'i',
    running: true,
  });
  t.deepEqual(foldStatuses('i', [done, failed]), { id: 'i', fault: failed.fault });
  t.deepEqual(foldStatuses('i', [done]), { id: 'i', ok: true, evidence: { a: 1 } });
});
