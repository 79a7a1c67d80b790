/**
 * Which arrays are shown as something else than they are. A presentation stands between two arrays
 * and is configured at the first of them; an array has a part in one presentation at the most.
 */

export const presentedAs = ['shared-as-stretched', 'pair-as-stretched'] as const;
export type PresentedAs = (typeof presentedAs)[number];

/** What the configuration of an array says of it. */
export interface Present {
  readonly as: PresentedAs;
  /** The other array. */
  readonly peerArrayId: string;
}

export interface PresentedArray {
  readonly id: string;
  readonly siteId: string;
}

export interface Presentation {
  readonly as: PresentedAs;
  /** Gives the ids of pairs; holds the source of shared devices until something else is known. */
  readonly first: PresentedArray;
  readonly second: PresentedArray;
}

/** Array id → the presentation that it has a part in. */
export type Presentations = ReadonlyMap<string, Presentation>;

interface Configured extends PresentedArray {
  readonly present?: Present;
}

export const presentationsOf = (remotes: readonly Configured[]): Presentations => {
  const byId = new Map(remotes.map(({ id, siteId }) => [id, { id, siteId }]));
  const presentations = new Map<string, Presentation>();
  for (const { id, present } of remotes) {
    const first = byId.get(id);
    const second = byId.get(present?.peerArrayId ?? '');
    if (present === undefined || first === undefined || second === undefined) continue;
    const presentation = { as: present.as, first, second };
    for (const { id } of [first, second]) presentations.set(id, presentation);
  }
  return presentations;
};

/** The array that stands opposite. */
export const otherArray = ({ first, second }: Presentation, arrayId: string): PresentedArray =>
  arrayId === first.id ? second : first;

/** The array's pairs are shown under other ids than it knows. */
export const renamesAt = (presentations: Presentations, arrayId: string): boolean => {
  const presentation = presentations.get(arrayId);
  return presentation?.as === 'pair-as-stretched' && presentation.second.id === arrayId;
};
