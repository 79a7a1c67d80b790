/** What a journal holds, whole, and a journal that holds a little of everything. */
import type { Journal } from '../../daemon/journal/journal.ts';

/** A body that says so is a licence. */
export const copyOptions = {
  last: 'system',
  epochIn: (body: string) => (body.startsWith('epoch ') ? Number(body.slice(6)) : undefined),
};

/** Two runs, and a system stream whose first 900 entries are trimmed. */
export const fillJournal = async (journal: Journal): Promise<void> => {
  const bodies = (count: number) => Array.from({ length: count }, (_, n) => `{"n":${n}}`);
  await journal.append([
    { stream: 'run 1', seq: 1, bodies: ['', 'ümlaut 漢字 🛰'] },
    { stream: 'run 2', seq: 1, bodies: bodies(700) },
    { stream: 'system', seq: 1, bodies: bodies(1_500) },
  ]);
  while (!(await journal.trim('system', 901, 400)));
};

export const contentOf = async (journal: Journal): Promise<Record<string, unknown>> => {
  const content: Record<string, unknown> = {};
  for (const { stream, nextSeq } of await journal.streams()) {
    content[stream] = { nextSeq, entries: await journal.read(stream, 1, 100_000) };
  }
  return content;
};
