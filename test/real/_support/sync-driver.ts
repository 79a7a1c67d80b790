/**
 * A daemon's part in a sync, as a process that ends itself by SIGKILL at a moment of it: ahead of a
 * command that changes something at a storage daemon, or once that was answered and before anything
 * is made of the answer. It tells the moments as they come; the last one told is where it died.
 *
 *     node sync-driver.js <root> <devices> <key> <moment>
 */
import { writeSync } from 'node:fs';
import { Qmp } from '../../../plugins/qemu/qmp.ts';
import { Rig } from './qemu.ts';

const [root = '', devices, key = '', moment] = process.argv.slice(2);
let passed = 0;
const pass = (what: string): void => {
  passed += 1;
  writeSync(1, `${passed} ${what}\n`);
  if (passed === Number(moment)) process.kill(process.pid, 'SIGKILL');
};

const { execute } = Qmp.prototype;
Qmp.prototype.execute = async function (command, ...rest) {
  const onlyLooks = /^(query-|qom-list$|qmp_capabilities$)/.test(command);
  if (!onlyLooks) pass(`ahead of ${command}`);
  const answer = await execute.call(this, command, ...rest);
  if (!onlyLooks) pass(`after ${command}`);
  return answer;
};

const rig = new Rig(root, Number(devices));
await rig.array.a.must('sync', [rig.group('a')], { key });
process.exit();
