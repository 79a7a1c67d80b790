/** After tsc: what the compiled tree reads at run time and tsc does not copy. */
import { cpSync } from 'node:fs';

const root = new URL('..', import.meta.url);
cpSync(new URL('proto', root), new URL('dist/proto', root), {
  recursive: true,
  filter: (source) => !source.endsWith('.ts') && !source.endsWith('.md'),
});
