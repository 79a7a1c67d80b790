/** The table of `docs/instances.md`, made from the one that chooses. */
import { type Cell, type InstanceState, instanceStates, instanceTable } from './table.ts';

const begin = '<!-- the table: generated from daemon/core/instances by `npm run gen:docs` -->';
const end = '<!-- end of the table -->';

const wordsOf: Readonly<Record<InstanceState, string>> = {
  absent: 'absent',
  'no-record': 'no record',
  'in-progress': '`in-progress`',
  completed: '`completed`',
  aborted: '`aborted`',
  torn: 'torn',
};

const cellText = ({ choose, ifWhole, warning, why }: Cell): string => {
  const only = ifWhole === true ? ' if whole' : '';
  const warns = warning === undefined ? '' : `, *${warning}*`;
  return `**${choose}**${only}${warns}: ${why}`;
};

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Source down, destination across. */
export const instancesTable = (): string => {
  const header = ['source ↓ destination →', ...instanceStates.map((state) => wordsOf[state])];
  const rows = instanceStates.map((source) => [
    wordsOf[source],
    ...instanceStates.map((destination) => cellText(instanceTable[source][destination])),
  ]);
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
};

/** The page with the table renewed; the words around it are a person's. */
export const withInstancesTable = (page: string): string => {
  const [before, rest = ''] = page.split(begin);
  const [, after] = rest.split(end);
  return `${before}${begin}\n\n${instancesTable()}\n\n${end}${after}`;
};
