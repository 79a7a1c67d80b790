import test from 'ava';
import { decodeRanges, encodeRanges } from '../../daemon/core/ranges.ts';
import { positions } from '../_support/arbitraries.ts';
import { holds } from '../_support/property.ts';

test('ranges: runs become first-last, the lone stay alone', (t) => {
  t.is(encodeRanges([]), '');
  t.is(encodeRanges([7]), '7');
  t.is(encodeRanges([0, 1, 2, 40, 41, 43]), '0-2,40-41,43');
});

test('ranges: any set → text → the same set', (t) => {
  holds(t, positions, (set) => {
    t.deepEqual(decodeRanges(encodeRanges(set)), set);
  });
});

test('ranges: a thousand neighbours cost a few bytes', (t) => {
  t.is(encodeRanges(Array.from({ length: 1_000 }, (_, i) => i)), '0-999');
});

test('ranges: any set → as few parts as it has runs', (t) => {
  holds(t, positions, (set) => {
    const runs = set.filter((position, i) => i === 0 || set[i - 1] !== position - 1).length;
    t.is(set.length === 0 ? 0 : encodeRanges(set).split(',').length, runs);
  });
});
