/** A history as a person can read it: one line a moment. */
import type { Entry } from '../../daemon/core/entries.ts';
import type { SystemEntry } from '../../daemon/core/system.ts';
import type { Moment } from './history.ts';
import type { Simulated } from './simulate.ts';

const seconds = (ms: number): string => (ms / 1_000).toFixed(3).padStart(11);

/** What of an entry tells the story: all of it would hide that. */
const entryWords = (entry: Entry | SystemEntry): string => {
  const { type, at: _at, ...rest } = entry as unknown as Record<string, unknown>;
  const told = Object.entries(rest).filter(([, value]) => JSON.stringify(value).length < 300);
  return `${type} ${JSON.stringify(Object.fromEntries(told))}`;
};

const words = (moment: Moment): string => {
  switch (moment.kind) {
    case 'landed':
      return `journal   ${moment.stream.slice(0, 6)} ${entryWords(moment.entry)}`;
    case 'job':
      return ` job      ${moment.workgroup} ${moment.step} ${moment.phase} #${moment.attempt}`;
    case 'heard':
      return `  heard   ${moment.call}`;
    case 'call': {
      const { call, remoteId, verb, key, targetIds } = moment;
      return `  call    ${call} ${remoteId} ${verb} ${key.slice(33)} ${targetIds.join(' ')}`;
    }
    case 'answer': {
      const { call, verb, failed, fault } = moment;
      const how = fault ?? (failed.length === 0 ? 'done' : `not: ${failed.join(' ')}`);
      return `  answer  ${call} ${verb} ${how}`;
    }
    case 'outdated':
      return `  outdated ${moment.remoteId} ${moment.verb} ${moment.key.slice(33)}`;
    case 'given-up':
      return `  given up ${moment.call}`;
    case 'stage':
      return `  stage   ${moment.vmId} ${moment.stage}`;
    case 'world':
      return `WORLD     ${moment.what}`;
    case 'daemon':
      return `DAEMON    ${moment.life} ${moment.what}`;
    case 'handed-over':
      return `HANDED    ${moment.runId.slice(0, 6)}`;
    case 'person':
      return `PERSON    ${moment.what} → ${moment.said}`;
    case 'events':
      return `watcher   ${moment.seqs[0]}–${moment.seqs.at(-1)}`;
    case 'rest': {
      const { status, result, attention, notes } = moment.view;
      const told = notes.map((note) => `${note.itemId} ${note.state} (${note.why})`).join('; ');
      return `REST      ${status} ${result ?? ''} ${attention} [${told}]`;
    }
    case 'told': {
      const { run, items } = moment.report;
      const said = items.map(({ itemId, outcome }) => `${itemId} ${outcome}`).join('; ');
      return `TOLD      ${run.runId.slice(0, 6)} ${run.result ?? ''} [${said}]`;
    }
    case 'listed': {
      const told = moment.devices.map(
        ({ id, direction, preferredSiteId }) => `${id} ${direction} ${preferredSiteId ?? ''}`,
      );
      return `LISTED    ${moment.arrayId}: ${told.join('; ')}`;
    }
    case 'defect':
      return `DEFECT    ${moment.message}`;
    case 'end':
      return 'END';
  }
};

/** Lines of the whole story, the accusations where they were made. */
export const story = ({ history, accusations }: Simulated): string[] =>
  history.moments.flatMap((moment, at) => [
    `${seconds(moment.at)} ${words(moment)}`,
    ...accusations
      .filter((accusation) => accusation.moment === at + 1)
      .map(({ checker, message }) => `            !!! ${checker}: ${message}`),
  ]);
