/** Claims about configuration and sessions. */
import { type ClaimDefinition, looking } from '../claim.ts';
import { claim, show } from '../failure.ts';
import type { RemoteFixture } from '../fixture.ts';
import { Session } from '../session.ts';
import { sides, type World } from '../world.ts';

const remotesOf = (world: World): readonly RemoteFixture[] =>
  [world.fixture.arrays, world.fixture.computes].flatMap((remotes) =>
    remotes ? sides.map((side) => remotes[side]) : [],
  );

/** A value that no field of a configuration means by itself. */
const nonsense = Object.freeze([Object.freeze({ nonsense: true })]);

const plainConfig: ClaimDefinition = looking(
  'config errors are plain: a field missing or of nonsense → refused, and the field is named',
  [],
  async (world) => {
    for (const { id, config } of remotesOf(world)) {
      const good = world.definition.config.safeParse(config);
      claim(good.success, `config of ${id}: ${good.error?.issues[0]?.message}`);
      for (const field of Object.keys(config)) {
        const bad = world.definition.config.safeParse({ ...config, [field]: nonsense });
        claim(!bad.success, `config of ${id}: ${field} may be ${show(nonsense)}`);
        checkNamed(field, bad.error.issues);
        const { [field]: _, ...without } = config;
        const less = world.definition.config.safeParse(without);
        if (!less.success) checkNamed(field, less.error.issues);
      }
    }
  },
);

const checkNamed = (
  field: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): void => {
  const named = issues.some(({ path, message }) => path[0] === field && message !== '');
  claim(named, `a bad ${field} in the config is refused without naming it: ${show(issues)}`);
};

const opensAgain: ClaimDefinition = looking(
  'sessions: opened, closed, opened again at every remote',
  [],
  async (world) => {
    for (const remote of remotesOf(world)) {
      for (let time = 0; time < 2; time++) {
        const session = await Session.open(world.definition, remote, world.bounds);
        await session.close();
      }
    }
  },
);

export const sessionClaims: readonly ClaimDefinition[] = [plainConfig, opensAgain];
