/**
 * Checks what arrays say of how they are shown: always together with one other array, at the other
 * site, and with no third one.
 */
import { type Finding, itemsOf, type Mapping } from './finding.ts';

type Storage = ReturnType<typeof itemsOf>[number];

const halfSaid = ({ path, item }: Storage): readonly Finding[] => {
  const { present, peer } = item;
  if ((present === undefined) === (peer === undefined)) return [];
  const [said, left] = present === undefined ? ['peer', 'present'] : ['present', 'peer'];
  const message = `"${said}" stands without "${left}"`;
  return [
    {
      path: `${path}.${said}`,
      message,
      expected: 'both: how the array is shown, and the id of the array that it is shown with',
    },
  ];
};

const wrongPeer = ({ path, item }: Storage, storages: readonly Storage[]): readonly Finding[] => {
  const peer = storages.find((one) => one.item.id === item.peer)?.item;
  const finding = (message: string): Finding[] => [
    { path: `${path}.peer`, message, expected: 'the id of one array of the other site' },
  ];
  if (peer === undefined) return finding(`no ${JSON.stringify(item.peer)} among the arrays`);
  if (peer === item) return finding('the array is named as its own peer');
  if (peer.site === item.site) return finding(`"${peer.id}" stands at the same site`);
  return [];
};

export const presentFindings = (root: Mapping): readonly Finding[] => {
  const storages = itemsOf(root, 'arrays');
  const shownWith = new Map<unknown, string>();
  return storages.flatMap((storage): readonly Finding[] => {
    const { path, item } = storage;
    if (item.present === undefined || typeof item.peer !== 'string') return halfSaid(storage);
    const wrong = wrongPeer(storage, storages);
    if (wrong.length > 0) return wrong;
    const taken = [item.id, item.peer].find((id) => shownWith.has(id));
    for (const id of [item.id, item.peer]) if (!shownWith.has(id)) shownWith.set(id, path);
    if (taken === undefined) return [];
    const message = `"${taken}" has a part in the presentation of ${shownWith.get(taken)} already`;
    const expected = 'one presentation for each array, said at the first of its two arrays';
    return [{ path: `${path}.present`, message, expected }];
  });
};
