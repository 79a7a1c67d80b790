/**
 * Puts the modules of the daemon's main thread, ours and the packages', into one file, which
 * `bin/siteswap` starts (docs/decisions/0014-one-file-to-start.md). Needs a build.
 */
import { readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const bundle = at('dist/daemon/main.bundle.js');

/** Modules name the files that they start or read relative to themselves: that goes on to hold. */
const ownPlaces = {
  name: 'own-places',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/dist\/(daemon|proto|sdk)\/.*\.js$/ }, ({ path }) => {
      const place = JSON.stringify(relative(dirname(bundle), path));
      const own = `new URL(${place}, import.meta.url).href`;
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', own) };
    }),
};

// Packages of the older kind ask for Node's modules with it.
const require =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

await build({
  entryPoints: [at('dist/daemon/main.js')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.20',
  // One finds the file of its threads beside itself; the other is large, and loaded by few.
  external: ['piscina', 'graphile-worker'],
  plugins: [ownPlaces],
  banner: { js: require },
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
