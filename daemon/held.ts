/** One line in the log when the journal becomes held, and one when it goes on again. */
import type { Logger } from 'pino';
import type { Clock } from './core/clock.ts';
import type { Journal } from './journal/journal.ts';

/** Between two looks: what was over sooner kept nobody waiting. */
const lookMs = 250;

/** Looks until it is told to stop. */
export const tellHeld = (
  journal: Pick<Journal, 'health'>,
  clock: Clock,
  logger: Pick<Logger, 'info' | 'warn'>,
): (() => void) => {
  let told = false;
  const look = (): void => {
    const { held, reason } = journal.health();
    // The reason says what to do.
    if (held && !told) logger.warn({ reason }, 'the journal is held: nothing new is started');
    if (!held && told) logger.info('the journal goes on');
    told = held;
    cancel = clock.wakeAt(clock.now() + lookMs, look);
  };
  let cancel = clock.wakeAt(clock.now(), look);
  return () => cancel();
};
