/** One door: no plugin is called, and no remote of a plugin dialled, but through the gateway. */
import { hold } from './_check.ts';
import { importsOf } from './_imports.ts';
import { type Finding, matches } from './_source.ts';

/** The thread's own assembly makes the host and hands it to the gateway; nobody else has it. */
const mayHaveHost = /^daemon\/(host|gateway)\/|^daemon\/workers\/world\.ts$/;

hold({
  name: 'the host of plugins is in the hands of the gateway alone',
  check: (file) =>
    !file.path.startsWith('daemon/') || mayHaveHost.test(file.path)
      ? []
      : importsOf(file).flatMap(({ from, line }): Finding[] =>
          /(^|\/)host\/(host|session)\.ts$/.test(from)
            ? [{ path: file.path, line, problem: 'ask the gateway: it is the only door' }]
            : [],
        ),
  bad: [
    { path: 'daemon/workers/execute.ts', text: "import { Host } from '../host/host.ts';" },
    { path: 'daemon/runner/x.ts', text: "import type { Host } from '../host/host.ts';" },
    { path: 'daemon/present/x.ts', text: "import { Session } from '../host/session.ts';" },
  ],
  good: [
    { path: 'daemon/gateway/x.ts', text: "import type { Host } from '../host/host.ts';" },
    { path: 'daemon/workers/x.ts', text: "import { codes } from '../host/faults.ts';" },
  ],
});

hold({
  name: 'what a plugin defines is entered in the host alone',
  check: (file) =>
    file.path.startsWith('daemon/') && !file.path.startsWith('daemon/host/')
      ? matches(
          file,
          /\bdefinition\.(verbs|open|close|operationStatus)\b|\.operationStatus\??\.?\(/,
          'call it through the gateway',
        )
      : [],
  bad: [
    { path: 'daemon/workers/x.ts', text: 'await definition.open({ config });' },
    { path: 'daemon/gateway/x.ts', text: 'const a = definition.verbs.failover;' },
  ],
  good: [
    { path: 'daemon/host/x.ts', text: 'await definition.open({ config });' },
    { path: 'daemon/workers/x.ts', text: 'const { definition } = loaded; describe(definition);' },
  ],
});

/**
 * Far ends that live in a plugin's folder are not the plugin. The qemu plugin's client of NBD,
 * which reads and writes a datastore's catalog as a host does, still dials by itself.
 */
const farEnds = /^plugins\/(lab\/server|qemu\/nbd)\.ts$/;

const dialling = new RegExp(
  [
    "import \\{[^}]*\\b(connect|createConnection)\\b[^}]*\\} from 'node:net'",
    "from 'node:(tls|https?|http2|dgram)'",
    '\\bfetch\\(',
  ].join('|'),
);

hold({
  name: 'a plugin dials through `connect`, which passes the gateway',
  check: (file) =>
    file.path.startsWith('plugins/') && !farEnds.test(file.path)
      ? matches(file, dialling, 'use the `connect` that `open` is handed', 'text')
      : [],
  bad: [
    { path: 'plugins/acme/x.ts', text: "import { connect, type Socket } from 'node:net';" },
    { path: 'plugins/acme/x.ts', text: "import { request } from 'node:https';" },
    { path: 'plugins/acme/x.ts', text: 'const a = await fetch(url);' },
  ],
  good: [
    { path: 'plugins/acme/x.ts', text: "import { createServer } from 'node:net';" },
    { path: 'plugins/lab/server.ts', text: "import { connect, createServer } from 'node:net';" },
  ],
});
