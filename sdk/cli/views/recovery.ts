/** What a disaster run has left behind, as an operator reads it: who writes where, what is next. */
import { type Recovery, RecoveryState, type Writer } from '../../../proto/gen/siteswap/v1/site.ts';
import { wordOf } from '../enums.ts';
import type { Terminal } from '../terminal.ts';
import { ago, count, size, someOf } from '../words.ts';

/** VMs and lineages named before the rest is counted. */
const namedMax = 5;

const writerText = (title: string, writer: Writer | undefined, terminal: Terminal): string => {
  const { siteId = '', devices = [], vmIds = [], observedTime } = writer ?? {};
  const open = devices.filter(({ writable }) => writable).length;
  const lineages = [...new Set(devices.map(({ lineage }) => lineage))].filter((one) => one !== '');
  const known = devices.flatMap(({ divergedBytes }) => divergedBytes ?? []);
  const parts = [
    `${open} of ${count(devices.length, 'device')} accept writers`,
    ...(lineages.length === 0 ? [] : [`lineage ${someOf(lineages, namedMax)}`]),
    vmIds.length === 0 ? 'no VM runs' : `running: ${someOf(vmIds, namedMax)}`,
    ...(known.length === 0 ? [] : [`only there: ${size(known.reduce((a, b) => a + b, 0))}`]),
    observedTime === undefined
      ? 'never heard of'
      : `heard of ${ago(observedTime.getTime(), terminal.now())}`,
  ];
  return `  ${title} ${siteId}: ${parts.join('; ')}`;
};

const meaning: Readonly<Record<string, string>> = {
  'site-lost': 'its old site is still lost',
  required: 'recovery required (split brain possible)',
  fenced: 'the old writers are cut off; its data diverged',
};

/** A few lines for each plan. */
export const recoveriesText = (
  recoveries: readonly Recovery[],
  terminal: Terminal,
): readonly string[] =>
  recoveries.flatMap((recovery) => {
    const word = wordOf(RecoveryState, recovery.state);
    const tone = word === 'required' ? 'bad' : 'warn';
    const since = ago(recovery.since?.getTime() ?? 0, terminal.now());
    return [
      `plan ${recovery.planId}: ${terminal.tone(tone, meaning[word] ?? word)}, parted ${since}`,
      writerText('old writer at', recovery.oldWriter, terminal),
      writerText('new writer at', recovery.newWriter, terminal),
      ...recovery.nextActions.map((action, at) => `  ${at + 1}. ${action}`),
    ];
  });
