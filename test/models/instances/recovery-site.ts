/** The other site: datastores as they arrived, and the real step that chooses among them. */
import { type InstanceState, instanceTable } from '../../../daemon/core/instances/table.ts';
import { resolveInstances } from '../../../daemon/steps/resolve-instances.ts';
import type { Verbs } from '../../../daemon/steps/step.ts';
import {
  decodeRecord,
  type FoundInstance,
  recordPathOf,
  type VmTarget,
} from '../../../sdk/plugin/index.ts';
import { contentOf, hasDisk, type Store } from './protected-site.ts';

const vmId = 'vm-1';

export type Arrived = Readonly<Record<string, Store>>;

/** The copies that stand in what has arrived. */
const copiesIn = (arrived: Arrived, digests: boolean): FoundInstance[] =>
  Object.entries(arrived).flatMap(([datastoreId, store]) => {
    const record = store.files[recordPathOf(vmId)];
    if (!hasDisk(store) && record === undefined) return [];
    return [
      {
        datastoreId,
        disks: hasDisk(store) ? ['disk-0'] : [],
        ...(record === undefined ? {} : { record }),
        ...(digests ? { digest: contentOf(store) } : {}),
      },
    ];
  });

/** What the real step does: the datastore that it tells the compute, or `refused`, or nothing. */
export const chosenBy = async (
  arrived: Arrived,
  instance: 'production' | 'test',
): Promise<string | undefined> => {
  let told: string | undefined;
  const remote = {
    findInstances: async (targets: readonly VmTarget[], args?: { digests?: boolean }) =>
      targets.map(({ id }) => ({ id, value: copiesIn(arrived, args?.digests === true) })),
    chooseInstance: async (targets: readonly VmTarget[]) => {
      told = targets[0]?.datastoreIds?.join();
      return targets.map(({ id }) => ({ id, ok: true }));
    },
  } as unknown as Verbs;
  const items = [{ id: vmId, on: [], datastoreIds: [] }];
  const mode = instance === 'test' ? 'test' : 'disaster';
  const call = { remote, items, side: 'recovery', mode, instance } as const;
  const [answer] = await resolveInstances.run(call);
  if (answer !== undefined && 'fault' in answer) return 'refused';
  return told ?? copiesIn(arrived, false)[0]?.datastoreId;
};

const stateOf = (store: Store): InstanceState => {
  const text = store.files[recordPathOf(vmId)];
  if (text === undefined) return hasDisk(store) ? 'no-record' : 'absent';
  return decodeRecord(text)?.state ?? 'torn';
};

/** What the table says of one migration A → B, read from the datastores without the step's code. */
export const tableSays = ({
  A,
  B,
}: Arrived): { readonly cell: string; readonly choose: string } => {
  const [source, destination] = [stateOf(A as Store), stateOf(B as Store)];
  const { choose, ifWhole } = instanceTable[source][destination];
  const cell = `${source} × ${destination}`;
  if (choose === 'refuse') return { cell, choose: 'refused' };
  const name = choose === 'source' ? 'A' : 'B';
  const store = (choose === 'source' ? A : B) as Store;
  const digest = decodeRecord(store.files[recordPathOf(vmId)] ?? '')?.digest;
  const isWhole = ifWhole !== true || digest === contentOf(store);
  return { cell, choose: isWhole ? name : 'refused' };
};

/** The control: what somebody would choose who goes by the date of the newest write. */
export const newestWrite = (arrived: Arrived): string =>
  Object.entries(arrived)
    .filter(([, store]) => hasDisk(store))
    .reduce((best, one) => (one[1].writtenAt > best[1].writtenAt ? one : best))[0];
