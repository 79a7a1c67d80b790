/** Seeds that found something, with what it was. They are run by every `npm test`, for ever. */
import type { Variant } from './scenario.ts';

export interface KeptSeed extends Variant {
  readonly seed: number;
  readonly found: string;
}

export const seedsKept: readonly KeptSeed[] = [
  { seed: 163, found: 'a disaster run took over from a run that had just ended' },
  { seed: 279, found: 'a polite order to stop could still arrive after the plug was pulled' },
  { seed: 280, found: 'a run was resumed while its end was landing' },
  { seed: 319, found: 'a run was cancelled while it was being parked' },
  { seed: 371, found: 'a run that was stuck named neither the step nor the items' },
  { seed: 422, found: 'a rollback did not wait for operations that were accepted before' },
  { seed: 527, found: 'a workgroup that was about to start was stopped and started at once' },
  { seed: 551, found: 'a run was resumed after a disaster run had taken over' },
  { seed: 759, found: 'a site was lost while the answer about a task in doubt was landing' },
  { seed: 1606, found: 'a run was superseded while an undo that had timed out could still land' },
  { seed: 218, found: 'a rollback took away VMs that the recovery site had known before' },
  { seed: 378, found: 'a VM that was said to be missing counted as off, and ran' },
  { seed: 2082, found: 'a fence whose look was cut short counted as done, and had cut nobody off' },
  { seed: 102810, found: 'a VM counted as stopped while the order to pull its plug could arrive' },
  { seed: 565, found: 'a checker did not know of a failback that had lost its target' },
  { seed: 874, found: 'a checker took a side that was being replaced for one that is fenced' },
  { seed: 1696, found: 'a checker did not know of a failback that had just promoted its target' },
  { seed: 1956, found: 'a checker held a run to how another one had left things at its start' },
  { seed: 73280, found: 'a test started the copy that a storage migration had left behind' },
  { seed: 1890, found: 'a VM came home to a copy that only the compute there remembered' },
  { seed: 3306, found: 'what was undone was taken while an earlier try to undo it could land' },
  { seed: 401053, found: 'a checker did not hear what somebody else’s run had said of a VM' },
  { seed: 201464, found: 'a preference that a failed attempt had switched was refused ever after' },
  {
    seed: 104080,
    found: 'VMs that ran at the recovery site for ever were waited for by live-migrate',
  },
  {
    seed: 38,
    members: 3,
    found: 'a start that was judged long ago cancelled the run that its own request had opened',
  },
  {
    seed: 123,
    members: 3,
    found: 'a checker held a parked run to an undo that its earlier driver could not take back',
  },
  {
    seed: 1162,
    members: 3,
    found: 'intents of a run that was lost on their way to the journal held up all others for ever',
  },
  {
    seed: 5975,
    members: 3,
    found: 'a run was frozen by what an array had said long before, for its journal was held',
  },
  {
    seed: 6343,
    members: 3,
    found:
      'a checker held a parked run to what a member called as it woke, listed in doubt by then',
  },
  {
    seed: 1341,
    members: 3,
    found: 'a checker held a parked run to a look of its earlier driver, who had just woken up',
  },
  {
    seed: 190,
    members: 3,
    found: 'a decision was refused while the entry that parked the run was on its way',
  },
  {
    seed: 318,
    members: 3,
    found: 'a watch had read of a run that was just taken over what its member was yet to tell',
  },
  {
    seed: 402,
    members: 3,
    found: 'a slow answer of an array set back the source of a device that was turned meanwhile',
  },
  {
    seed: 487,
    members: 3,
    found: 'a storage migration was over before a test that had begun without it made its copies',
  },
  {
    seed: 310198,
    found: 'a checker held a second try of an undo to the first, which could still land',
  },
  { seed: 302082, found: 'a run whose only slot another one held was not woken when it ended' },
  { seed: 75398, found: 'a rollback opened a source that an earlier run had closed' },
  {
    seed: 150,
    members: 3,
    found: 'a site that had lost its power did late what it had been asked for before',
  },
  {
    seed: 642,
    members: 3,
    found: 'a checker forbade a call that the contract of its verb has become safe for',
  },
  {
    seed: 200908,
    found: 'a VM that its polite order had stopped, unheard, was not known to be off to its undo',
  },
  {
    seed: 211808,
    found: 'an order that a superseded run had left at a site stopped a VM that had come home',
  },
  {
    seed: 211557,
    found: 'a checker took a call that was made twice, and was done, for one that may still land',
  },
  {
    seed: 300836,
    members: 3,
    found: 'a checker held a call of a member that had been frozen to the run that it had lost',
  },
  {
    seed: 302551,
    members: 3,
    found: 'a checker read the record of sources while another run was about to write it',
  },
  {
    seed: 303048,
    members: 3,
    found: 'a checker counted the wait of a drain from before it began',
  },
  {
    seed: 305737,
    found: 'a checker took a call that was made twice, and was done, for one that is built upon',
  },
  {
    seed: 308537,
    members: 3,
    found: 'a checker held a look of a member that was frozen to a loss that it could not hear of',
  },
  {
    seed: 312174,
    members: 3,
    found: 'a VM that was left off was told as done, without a word, when its thread had ended',
  },
  {
    seed: 320367,
    found: 'a checker took calls that were led astray, to nobody, for calls of one object',
  },
  {
    seed: 324181,
    found: 'a checker held an order of before a disaster, which came late, to the disaster run',
  },
  {
    seed: 325537,
    found: 'checkers did not know groups by the ids under which their arrays are called',
  },
  {
    seed: 500143,
    found: 'the lab called a VM missing that it had just stopped, when it was asked twice',
  },
  { seed: 331429, found: 'a checker wanted an intent for a question about a run that has ended' },
  {
    seed: 335227,
    found:
      'a VM that had dropped out was taken by another run, and started by a rollback of its own',
  },
  {
    seed: 403879,
    members: 3,
    found:
      'a checker held a rollback that a person had decided on to a call that nobody can tell of',
  },
  {
    seed: 502679,
    found: 'a poll that led a failed migration on called once more, after its run was superseded',
  },
  {
    seed: 606545,
    found: 'the plug of a superseded run was pulled on a VM that had come home',
  },
  { seed: 605274, found: "a test's copy was made after its cleanup had left nothing behind" },
  { seed: 604327, found: 'a checker took two calls that were led astray, to nobody, for one' },
  {
    seed: 611991,
    found:
      'a VM that an earlier run had taken over, and started, was told as one that was left off',
  },
  {
    seed: 616918,
    found:
      'a plug had been pulled, nobody could be asked of the polite order, and nothing was undone',
  },
  {
    seed: 712211,
    found: 'a checker took a reprotect that ended as its site was lost for the one that mends that',
  },
  {
    seed: 718768,
    found:
      'a migration was said to have failed, nobody said where the VM was, and it was told undone',
  },
  {
    seed: 740324,
    found: 'a checker took a VM that had been shut down, late and unheard, for one that wrote on',
  },
  {
    seed: 749383,
    found: 'storage went on without a group, and in the same turn a workgroup on it was stopped',
  },
  {
    seed: 762379,
    found: 'a run was resumed as a disaster run superseded it, and called on after its end',
  },
  {
    seed: 764771,
    found:
      'a checker blamed the undo of what stands alone, tried again while its ground was going away',
  },
  {
    seed: 952,
    present: 'pair-as-stretched',
    found:
      'an item was skipped in doubt while its workgroup went on, and no planned run could start',
  },
  {
    seed: 437,
    present: 'pair-as-stretched',
    found:
      'a disaster run left some, its site was back, and neither planned nor reprotect could run',
  },
  {
    seed: 583,
    present: 'pair-as-stretched',
    found: 'a simulated source never heard that its peer had gone back while it was cut off',
  },
  {
    seed: 1001212,
    found:
      'a checker took a VM whose disks had moved for one that had written there since its start',
  },
  {
    seed: 1001252,
    found: 'a disaster run left some shared devices, and nothing could run once its site was back',
  },
  {
    seed: 1100302,
    found: 'a VM that an unfinished planned run had stopped was left off by the next one',
  },
  {
    seed: 1202702,
    found:
      'a disaster run left what a planned one had begun, and neither planned nor reprotect ran',
  },
  {
    seed: 1203053,
    found:
      'a reprotect ended as a disaster run superseded it, and the wrong site was taken for lost',
  },
  {
    seed: 5741,
    present: 'pair-as-stretched',
    found: 'an operation ended after its run was parked, and what was in doubt beside it was asked',
  },
  {
    seed: 1400003,
    found:
      'a reprotect ended while a disaster run was judged, which then began on the plan of before',
  },
  {
    seed: 900137,
    members: 3,
    found: 'a checker blamed a run that was told, by an injection, of no migration',
  },
  {
    seed: 903198,
    members: 3,
    found: 'a checker looked at a site that was lost when the run ended, and back when it was told',
  },
  {
    seed: 931187,
    members: 3,
    found: 'a checker blamed who looked, with the database away, at a site that was lost meanwhile',
  },
];
