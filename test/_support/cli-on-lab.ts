/** The command line against an engine on the lab, served over gRPC in this process. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import pino from 'pino';
import { createApi } from '../../daemon/api/server.ts';
import { connect, type SiteswapClient } from '../../sdk/client/index.ts';
import { Secret } from '../../sdk/plugin/config.ts';
import { answering, type Printed, siteswap } from './cli.ts';
import { type Rig, rig } from './engine-on-lab.ts';
import { tempDir } from './temp.ts';

export interface CliRig extends Rig {
  readonly address: string;
  /** `siteswap …args`, against this engine. */
  readonly type: (...args: readonly string[]) => Promise<Printed>;
  /** The same, with a person who answers a question. */
  readonly ask: (answer: string, ...args: readonly string[]) => Promise<Printed>;
  readonly client: SiteswapClient;
  /** Writes a file beside the socket; answers its path. */
  readonly write: (name: string, text: string) => Promise<string>;
}

/** Of the role, for tests that set it in the environment. */
export const injectorToken = 'a token for tests only';

export const plan = `id: shop
name: The web shop
protectedSite: site-a
recoverySite: site-b
protectionGroups:
  - id: databases
    groups: [lab-a/cg-0001]
    vms:
      - {id: vm-00001, priority: 1}
      - {id: vm-00002, dependsOn: [vm-00001]}
  - id: web
    groups: [lab-a/cg-0002]
`;

export const cliOnLab = async (t: ExecutionContext): Promise<CliRig> => {
  const directory = await tempDir(t);
  const made = await rig({ groups: 2, vms: 2 });
  const listen = { kind: 'unix', path: join(directory, 's.sock') } as const;
  const log = pino({ level: 'silent' });
  const injector = new Secret(injectorToken);
  const api = createApi({ engine: made.engine, listen, log, version: '0.0.0', injector });
  const address = await api.start();
  const client = connect(address);
  t.teardown(async () => {
    client.close();
    await api.stop();
    made.engine.close();
  });
  return Object.assign(made, {
    address,
    client,
    type: (...args: readonly string[]) => siteswap('--as', 'ann', ...args, '--address', address),
    ask: (answer: string, ...args: readonly string[]) =>
      answering(answer, '--as', 'ann', ...args, '--address', address),
    write: async (name: string, text: string) => {
      const path = join(directory, name);
      await writeFile(path, text);
      return path;
    },
  });
};
