/** The floors of the house: who may import whom, read from the source. */
import { hold } from './_check.ts';
import { type Import, importsOf } from './_imports.ts';
import type { Finding, SourceFile } from './_source.ts';

const contract = ['proto', 'sdk/plugin', 'sdk/scenario'];
const rules = ['daemon/core', 'daemon/steps', 'daemon/planner'];
const doors = ['daemon/journal', 'daemon/present', 'daemon/gateway', 'daemon/host'];
const hands = ['daemon/workers', 'daemon/feed', 'daemon/cluster'];

/** Folder → folders of ours that it may import beside itself. The longest that fits decides. */
const floors: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  'sdk/plugin': ['proto'],
  'sdk/yaml': [],
  'sdk/command': ['sdk/yaml'],
  'sdk/scenario': ['proto', 'sdk/plugin', 'sdk/yaml'],
  'sdk/client': ['proto'],
  'sdk/cli': [...contract, 'sdk/client', 'sdk/command', 'sdk/yaml'],
  'sdk/testing': ['proto', 'sdk/client', 'sdk/plugin'],
  'sdk/conformance': ['sdk/plugin'],
  'daemon/core': contract,
  'daemon/steps': [...contract, 'daemon/core'],
  'daemon/planner': [...contract, 'daemon/core', 'daemon/steps'],
  ...Object.fromEntries(doors.map((door) => [door, [...contract, ...rules]])),
  // What is wrong in a plugin's configuration is told in the words of the file's other problems.
  'daemon/host': [...contract, ...rules, 'sdk/yaml'],
  // The door stands before the host: a call passes translation, gateway and host, in that order.
  'daemon/gateway': [...contract, ...rules, 'daemon/host'],
  'daemon/present': [...contract, ...rules, 'daemon/gateway', 'daemon/host'],
  ...Object.fromEntries(hands.map((hand) => [hand, [...contract, ...rules, ...doors]])),
  'daemon/runner': [...contract, ...rules, ...doors, ...hands],
  'daemon/api': [...contract, ...rules, 'daemon/runner', 'daemon/feed', 'daemon/cluster'],
  daemon: ['daemon', 'sdk/command', 'sdk/yaml', ...contract],
  'plugins/files': [],
  'plugins/lab': [],
  'plugins/qemu': [],
};

/** What a plugin may import of ours. */
const forPlugins: ReadonlySet<string> = new Set([
  '@siteswap/sdk/plugin',
  '@siteswap/sdk/plugin/kit',
]);

/** Floors that are pure: no module of Node, no package. */
const pure: readonly string[] = rules;

/** The folder whose row in the table holds for a path. */
const floorOf = (path: string): string | undefined => {
  const parts = path.split('/').slice(0, -1);
  for (let length = parts.length; length > 0; length--) {
    const folder = parts.slice(0, length).join('/');
    if (folder in floors) return folder;
  }
  return undefined;
};

/** A relative import as a path from the root; a workspace's name as its folder. */
const resolve = (path: string, from: string): string | undefined => {
  if (from.startsWith('@siteswap/sdk/')) return `${from.replace('@siteswap/', '')}/index.ts`;
  if (!from.startsWith('.')) return undefined;
  return new URL(from, `file:///${path}`).pathname.slice(1);
};

const isInside = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

const checkOne = (file: SourceFile, floor: string, imported: Import): string | undefined => {
  const { from, typeOnly } = imported;
  const path = resolve(file.path, from);
  if (floor.startsWith('plugins/')) {
    if (from.startsWith('@siteswap/')) {
      return forPlugins.has(from) ? undefined : 'a plugin imports @siteswap/sdk/plugin';
    }
    const outside = path !== undefined && !isInside(path, floor);
    return outside ? 'a plugin imports nothing of the house but @siteswap/sdk/plugin' : undefined;
  }
  if (path === undefined) {
    const impure = pure.includes(floor) && !typeOnly;
    return impure ? `${floor} is pure: no module of Node, no package` : undefined;
  }
  const target = floorOf(path);
  if (target === undefined) return `${path} is on no floor`;
  if (target === floor || floors[floor]?.some((allowed) => isInside(path, allowed))) {
    return undefined;
  }
  return `${floor} may not import ${target}: see the floors in docs/map.md`;
};

hold({
  name: 'every import goes to a floor below',
  check: (file) => {
    const floor = floorOf(file.path);
    if (floor === undefined) return [];
    return importsOf(file).flatMap((imported): Finding[] => {
      const problem = checkOne(file, floor, imported);
      return problem === undefined ? [] : [{ path: file.path, line: imported.line, problem }];
    });
  },
  bad: [
    { path: 'daemon/core/x.ts', text: "import { join } from 'node:path';" },
    { path: 'daemon/planner/x.ts', text: "import { z } from 'zod';" },
    { path: 'daemon/core/deep/x.ts', text: "import { y } from '../../steps/y.ts';" },
    { path: 'daemon/core/x.ts', text: "import {\n  a,\n  b,\n} from '../journal/journal.ts';" },
    { path: 'daemon/journal/x.ts', text: "import { y } from '../workers/pool.ts';" },
    { path: 'daemon/api/x.ts', text: "export * from '../journal/journal.ts';" },
    { path: 'sdk/client/x.ts', text: "import { y } from '../../daemon/core/limits.ts';" },
    { path: 'sdk/conformance/x.ts', text: "const y = await import('../client/index.ts');" },
    { path: 'plugins/lab/x.ts', text: "import { y } from '@siteswap/sdk/client';" },
    { path: 'plugins/lab/x.ts', text: "import { y } from '../files/y.ts';" },
    { path: 'plugins/files/x.ts', text: "import type { Y } from '../../sdk/plugin/index.ts';" },
  ],
  good: [
    { path: 'daemon/core/x.ts', text: "import type { Fault } from '../../sdk/plugin/fault.ts';" },
    { path: 'daemon/core/x.ts', text: "// import { join } from 'node:path';" },
    { path: 'daemon/host/x.ts', text: "import { join } from 'node:path';" },
    { path: 'daemon/runner/x.ts', text: "import { y } from '../feed/feed.ts';" },
    { path: 'daemon/daemon.ts', text: "import { y } from './runner/engine.ts';" },
    { path: 'plugins/lab/deep/x.ts', text: "import { y } from '../y.ts';" },
    { path: 'plugins/lab/x.ts', text: "import { y } from '@siteswap/sdk/plugin';" },
  ],
});
