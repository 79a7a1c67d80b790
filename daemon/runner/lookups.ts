/**
 * Which devices of an array stand behind the ids that are shown: asked for each command anew. One
 * listing serves all commands that came before it began, so a thousand at once cost two.
 */
import { type Fault, inDoubt } from '../../sdk/plugin/fault.ts';
import type { Device } from '../../sdk/plugin/model.ts';
import type { Presentation, Presentations } from '../core/presentation.ts';
import { codes } from '../host/faults.ts';
import { Ends, endOf } from '../present/ends.ts';
import type { JobFault, ListingResult, Pool } from '../workers/pool.ts';

type Found = { readonly ends: Ends } | Pick<JobFault, 'fault' | 'refused'>;

/** Devices in one page, and pages of one array: 100,000 devices are a fiftieth of this. */
const devicesPerPage = 2_000;
const pagesMax = 2_500;

/** What one array is being asked, and what is asked next. */
interface Line {
  running: Promise<Found>;
  next: Promise<Found> | undefined;
}

export class Lookups {
  readonly #pool: Pool;
  readonly #presentations: Presentations;
  readonly #lines = new Map<string, Line>();

  constructor(pool: Pool, presentations: Presentations) {
    this.#pool = pool;
    this.#presentations = presentations;
  }

  /** The ends of an array that has a part in a presentation, as of some moment after this call. */
  ends(arrayId: string, timeoutMs: number): Promise<Found> {
    const line = this.#lines.get(arrayId);
    if (line === undefined) return this.#begin(arrayId, timeoutMs);
    line.next ??= line.running.then(() => this.#begin(arrayId, timeoutMs));
    return line.next;
  }

  #begin(arrayId: string, timeoutMs: number): Promise<Found> {
    const running = this.#list(arrayId, timeoutMs);
    const line: Line = { running, next: undefined };
    this.#lines.set(arrayId, line);
    void running.then(() => {
      if (line.next === undefined) this.#lines.delete(arrayId);
    });
    return running;
  }

  async #list(remoteId: string, timeoutMs: number): Promise<Found> {
    const presentation = this.#presentations.get(remoteId) as Presentation;
    const devices: Device[] = [];
    let token: string | undefined;
    for (let pages = 0; pages < pagesMax; pages++) {
      const page: ListingResult | JobFault = await this.#pool.run({
        kind: 'listing',
        remoteId,
        verb: 'discoverDevices',
        page: { ...(token === undefined ? {} : { token }), sizeMax: devicesPerPage },
        timeoutMs,
      });
      if (page.kind === 'fault') return { ...page, fault: notFound(remoteId, page.fault) };
      devices.push(...(page.items as readonly Device[]));
      if (page.next === undefined) {
        return { ends: new Ends(devices.map((device) => endOf(presentation, remoteId, device))) };
      }
      token = page.next;
    }
    return { fault: endless(remoteId) };
  }
}

/** Nothing was sent, so nothing is in doubt: what would leave a call in doubt is tried again. */
const notFound = (arrayId: string, fault: Fault): Fault => ({
  ...fault,
  kind: inDoubt(fault) && fault.code !== codes.siteLost ? 'busy' : fault.kind,
  message: `pairs of ${arrayId} were not looked up, and nothing was sent: ${fault.message}`,
});

const endless = (arrayId: string): Fault => ({
  kind: 'corrupt',
  owner: 'plugin',
  message: `${arrayId}: the listing of its devices does not end; nothing was sent`,
});
