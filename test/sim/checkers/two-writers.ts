/**
 * Never two writers of one lineage, nor a VM that runs twice: the far end's own invariants. And
 * while no site is lost no pair has two sides that accept writers, of whatever lineage.
 */
import { commands } from '../../../plugins/lab/commands.ts';
import { siteIsBack } from '../troubles.ts';
import type { Checker } from './checker.ts';

export const neverTwoWriters: Checker = ({ lab }) => {
  let siteLost = false;
  let isBack = false;
  return (moment) => {
    if (moment.kind === 'world' && moment.what.includes('lose-site')) siteLost = true;
    if (moment.kind === 'world' && moment.what === siteIsBack) isBack = true;
    // One that ends in the moment of the loss is of the time before.
    if (moment.kind === 'rest' && moment.view.mode === 'reprotect' && isBack) {
      if (moment.view.result === 'succeeded') siteLost = false;
    }
    if (moment.kind !== 'answer' && moment.kind !== 'end') return undefined;
    const [first] = commands.verify(lab);
    if (first !== undefined) return `${first.rule}: ${first.subject}, ${first.message}`;
    const [split] = siteLost ? [] : commands.divergences(lab);
    return split && `both sides of ${split.pairId} accept writers`;
  };
};
