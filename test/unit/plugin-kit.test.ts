/** What plugins write alike: memory of calls, an answer for each target, pages. */
import { FaultError, fault } from '@siteswap/sdk/plugin';
import {
  admit,
  checkDeadline,
  each,
  emptyMemory,
  epochsMax,
  ownLicence,
  pageOf,
  recall,
  remember,
  rememberedMax,
} from '@siteswap/sdk/plugin/kit';
import test from 'ava';

const kindOf = (error: unknown) => (error instanceof FaultError ? error.fault.kind : 'none');

test('memory: a success is recalled by its key and target, and by no other', (t) => {
  const memory = remember(emptyMemory, { key: 'k', what: 'sync/g', evidence: { n: 1 } });
  t.deepEqual(recall(memory, 'k', 'sync/g'), { n: 1 });
  t.is(recall(memory, 'k', 'sync/h'), undefined);
  t.is(recall(memory, 'l', 'sync/g'), undefined);
  t.deepEqual(emptyMemory.remembered, []);
});

test('memory: bounded, and the oldest goes first', (t) => {
  let memory = emptyMemory;
  for (let n = 0; n <= rememberedMax; n++) {
    memory = remember(memory, { key: `${n}`, what: 'w', evidence: {} });
  }
  t.is(memory.remembered.length, rememberedMax);
  t.is(recall(memory, '0', 'w'), undefined);
  t.deepEqual(recall(memory, '1', 'w'), {});
  for (let n = 0; n <= epochsMax; n++) memory = admit(memory, { key: `run-${n}/step`, epoch: 1 });
  t.is(Object.keys(memory.epochs).length, epochsMax);
});

test('memory: an older epoch of a run → fenced; the same → nothing to note; of another run → its own', (t) => {
  const memory = admit(emptyMemory, { key: 'run/step/run/1', epoch: 2 });
  t.is(admit(memory, { key: 'run/other/undo/1', epoch: 2 }), memory);
  const error = t.throws(() => admit(memory, { key: 'run/step/run/1', epoch: 1 }));
  t.is(kindOf(error), 'fenced');
  t.deepEqual(admit(memory, { key: 'else/step', epoch: 1 }).epochs, { run: 2, else: 1 });
});

test('deadline: past it, or given up → interrupted; work of our own → never', (t) => {
  const call = { key: 'k', epoch: 0, signal: new AbortController().signal };
  t.notThrows(() => checkDeadline(ownLicence()));
  t.notThrows(() => checkDeadline({ ...call, deadlineMs: Date.now() + 60_000 }));
  const late = t.throws(() => checkDeadline({ ...call, deadlineMs: Date.now() - 1 }));
  const signal = AbortSignal.abort();
  const given = t.throws(() => checkDeadline({ ...ownLicence(), signal }));
  t.deepEqual([kindOf(late), kindOf(given)], ['interrupted', 'interrupted']);
});

const { answerEach, valueEach, settleEach, eachTarget } = each({
  atOnce: 2,
  faultOf: (error) => (error instanceof FaultError ? error.fault : undefined),
});

const targets = ['a', 'b', 'c'].map((id) => ({ id }));

const workOn = async ({ id }: { readonly id: string }) => {
  if (id === 'a') throw new FaultError(fault('missing', 'no a'));
  if (id === 'b') throw new Error('what');
  return { evidence: { id } };
};

test('each: what is thrown for one is its fault, and the others are answered, in order', async (t) => {
  t.deepEqual(await answerEach(targets, workOn), [
    { id: 'a', fault: fault('missing', 'no a') },
    { id: 'b', fault: { kind: 'unknown', owner: 'plugin', message: 'what' } },
    { id: 'c', ok: true, evidence: { id: 'c' } },
  ]);
  t.deepEqual(await answerEach([{ id: 'd' }], async () => ({ operation: 'op' })), [
    { id: 'd', accepted: { operation: 'op' } },
  ]);
  const values = await valueEach(targets, workOn);
  t.deepEqual(values[2], { id: 'c', value: { evidence: { id: 'c' } } });
});

test('each: settled: missing → absent, an error that nobody knows → unknowable', async (t) => {
  const settled = await settleEach(targets, async (target) => {
    await workOn(target);
    return { id: target.id, verdict: 'done' };
  });
  t.deepEqual(settled, [
    { id: 'a', verdict: 'absent' },
    { id: 'b', verdict: 'unknowable', why: 'what' },
    { id: 'c', verdict: 'done' },
  ]);
});

test('each: no more at once than is said', async (t) => {
  let open = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
  };
  await eachTarget([...targets, { id: 'd' }, { id: 'e' }], work, () => undefined);
  t.is(most, 2);
});

test('pages: all items once and in order, whatever the size, though some go meanwhile', (t) => {
  const keyOf = ({ id }: { readonly id: string }) => id;
  for (const sizeMax of [1, 2, 3, 4]) {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const asked = { sizeMax, ...(token === undefined ? {} : { token }) };
      const page = pageOf([...targets].reverse(), asked, keyOf);
      seen.push(...page.items.map(keyOf));
      token = page.next;
    } while (token !== undefined);
    t.deepEqual(seen, ['a', 'b', 'c']);
  }
  t.deepEqual(pageOf([{ id: 'c' }], { sizeMax: 2, token: 'b' }, keyOf), { items: [{ id: 'c' }] });
});
