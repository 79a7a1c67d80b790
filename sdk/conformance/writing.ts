/** What becomes of the writes of hosts, where the fixture can write as one. */
import { claim } from './failure.ts';
import type { GroupFixture, Side } from './fixture.ts';
import type { World } from './world.ts';

/** To the group's first device at that side, under a lineage or the present one. */
export const mustWrite = async (
  world: World,
  { group, side }: { readonly group: GroupFixture; readonly side: Side },
  expected: 'written' | 'refused',
  lineage?: string,
): Promise<void> => {
  const device = group[side].devices[0] as string;
  const found = await world.fixture.hooks?.write?.(world.array(side).fixture.id, device, lineage);
  const under = lineage === undefined ? '' : ` under lineage ${lineage}`;
  claim(found === expected, `a write to ${device} at the ${side}${under} was ${found}`);
};
