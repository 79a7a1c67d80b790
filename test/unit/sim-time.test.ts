/** Simulated time: in which order things happen in it, and what costs nothing. */
import test from 'ava';
import { SimTime } from '../sim/time.ts';

const hourMs = 3_600_000;

/** Who does the same for ever, and when it was done. */
const round = (time: SimTime, everyMs: number): readonly number[] => {
  const at: number[] = [];
  const again = async (): Promise<void> => {
    for (;;) {
      at.push(time.now());
      await time.sleep(everyMs);
    }
  };
  void again();
  return at;
};

/** Lets time pass until the work is done; answers when that was. */
const until = async (time: SimTime, work: Promise<void>): Promise<number> => {
  let over = false;
  void work.then(() => {
    over = true;
  });
  await time.run(() => over, 48 * hourMs);
  return time.now();
};

test('what is due soon → in turn, each when promises are done, all before time goes on', async (t) => {
  const time = new SimTime();
  const told: string[] = [];
  const say = (what: string): void => void told.push(`${what} at ${time.now()}`);
  time.at(5, () => say('a sleeper'));
  time.soon(() => {
    say('the first');
    void (async () => {
      for (let turn = 0; turn < 50; turn++) await undefined;
      say('its promises');
      time.soon(() => say('the third'));
    })();
  });
  time.soon(() => say('the second'));
  t.is(await time.run(() => false, hourMs), 'idle');
  t.deepEqual(told, [
    'the first at 0',
    'its promises at 0',
    'the second at 0',
    'the third at 0',
    'a sleeper at 5',
  ]);
});

test('a round without end beside a wait of an hour → stands still, and goes on before its end', async (t) => {
  const time = new SimTime({ jumps: true });
  const at = round(time, 400);
  t.is(await until(time, time.sleep(hourMs)), hourMs);
  t.true(at.length < 100, `${at.length} rounds`);
  t.true(at.some((ms) => ms > 9_000 && ms < 10_000));
  t.true(at.some((ms) => ms > hourMs - 10_000 && ms < hourMs - 9_000));
  t.true(at.slice(1).every((ms, n) => ms - (at[n] as number) >= 400));
});

test('two who wait for long → the sooner is woken first, each at its time', async (t) => {
  const time = new SimTime({ jumps: true });
  round(time, 400);
  const woken: number[] = [];
  const wait = (ms: number): Promise<void> =>
    time.sleep(ms).then(() => {
      woken.push(time.now());
    });
  const both = Promise.all([wait(2 * hourMs), wait(hourMs)]);
  await until(
    time,
    both.then(() => {}),
  );
  t.deepEqual(woken, [hourMs, 2 * hourMs]);
});

test('something that can be seen, again and again → nothing stands still', async (t) => {
  const time = new SimTime({ jumps: true });
  const at = round(time, 400);
  const seen = async (): Promise<void> => {
    for (;;) {
      time.stir();
      await time.sleep(8_000);
    }
  };
  void seen();
  await until(time, time.sleep(100_000));
  t.true(at.length >= 250, `${at.length} rounds`);
});

test('nobody who waits for long, or no leave to jump → nothing stands still', async (t) => {
  const alone = new SimTime({ jumps: true });
  const few = round(alone, 400);
  await alone.run(() => alone.now() >= 100_000, hourMs);
  t.true(few.length >= 250, `${few.length} rounds`);
  const plain = new SimTime();
  const all = round(plain, 400);
  await until(plain, plain.sleep(100_000));
  t.true(all.length >= 250, `${all.length} rounds`);
});

test('calm → a while after the last that can be seen and the last who waited for long', async (t) => {
  for (const jumps of [false, true]) {
    const time = new SimTime({ jumps });
    round(time, 400);
    time.at(7_000, () => time.stir());
    t.true((await until(time, time.calm())) >= 17_000);
    time.at(time.now() + hourMs, () => {});
    t.true((await until(time, time.calm())) >= hourMs + 27_000);
    // Who has given up is not waited for.
    const before = time.now();
    time.at(before + hourMs, () => {})();
    t.true((await until(time, time.calm())) < before + 60_000);
  }
});
