/** What QEMU's words mean: each text was said by QEMU 7.2 in the situation that the row names. */
import test from 'ava';
import { faultOf, QmpError, QmpLost } from '../../plugins/qemu/faults.ts';
import type { FaultKind } from '../../sdk/plugin/index.ts';

const rows: readonly (readonly [when: string, desc: string, kind: FaultKind])[] = [
  ['a host is attached', "export 'host-1' still in use", 'busy'],
  ['a job works on the node', "Node 'l-1' is busy: block device is in use by mirror", 'busy'],
  [
    'the peer’s daemon is gone',
    "Failed to connect to '/b/nbd.sock': Connection refused",
    'unreachable',
  ],
  [
    'the link breaks at once',
    'Failed to read initial magic: Unexpected end-of-file',
    'unreachable',
  ],
  ['the peer has no such export', 'Requested export not available', 'conflict'],
  ['the image is gone', "Could not open '/a/x.qcow2': No such file or directory", 'missing'],
  ['another process has the image', 'Failed to get "write" lock', 'conflict'],
  [
    'the daemon died with the bitmap open',
    "Bitmap 'since' is inconsistent and cannot be used",
    'corrupt',
  ],
  ['the disk is full', 'Could not resize image: No space left on device', 'refused'],
  ['no such node', "Cannot find device='x' nor node-name='x'", 'missing'],
  ['added twice', "Duplicate nodes with node-name='x'", 'conflict'],
  ['another QEMU', 'The command blockdev-mirror has not been found', 'unsupported'],
  ['never seen', 'The moon is in the wrong phase', 'unknown'],
];

for (const [when, desc, kind] of rows) {
  test(`qemu: ${when} → ${kind}, its class and words kept`, (t) => {
    const fault = faultOf(new QmpError('command', { class: 'GenericError', desc }));
    t.is(fault?.kind, kind);
    t.is(fault?.code, 'GenericError');
    t.true(fault?.message.includes(desc));
  });
}

test('qemu: nobody listens at a monitor → unreachable, and who starts a daemon', (t) => {
  const fault = faultOf(new QmpLost('closed', '/b/qmp-0.sock: connect ENOENT /b/qmp-0.sock'));
  t.is(fault?.kind, 'unreachable');
  t.regex(fault?.hint ?? '', /started when that array is asked/);
  t.is(faultOf(new QmpLost('closed', '/b/qmp-0.sock: the connection ended'))?.hint, undefined);
});
