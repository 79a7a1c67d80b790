/** After tsc: what the compiled tree reads at run time and tsc does not copy. */
import { chmodSync, cpSync } from 'node:fs';

const root = new URL('..', import.meta.url);
cpSync(new URL('proto', root), new URL('dist/proto', root), {
  recursive: true,
  filter: (source) => !source.endsWith('.ts') && !source.endsWith('.md'),
});

// npm links this bin from the package; the compiler does not make it executable.
chmodSync(new URL('dist/sdk/conformance/main.js', root), 0o755);
