/**
 * What Acme ships to its customers already: a client library for its arrays. Here it holds two
 * arrays in memory; yours would speak to the real ones. Nothing in it knows of Siteswap.
 */

/** Acme's errors are numbers, as everybody's. */
export class AcmeError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A volume. Acme calls a consistency group a "pool", and pairs volumes of the same name. */
export interface AcmeVolume {
  readonly name: string;
  readonly pool: string;
  readonly bytes: number;
  role: 'primary' | 'secondary' | 'standalone';
  writable: boolean;
  /** Stands for the data on it. */
  content: number;
}

const pools: Readonly<Record<string, readonly string[]>> = {
  orders: ['orders-data', 'orders-log'],
  mail: ['mail-data'],
};

const volumes = (role: AcmeVolume['role']): AcmeVolume[] =>
  Object.entries(pools).flatMap(([pool, names]) =>
    names.map((name) => {
      return { name, pool, bytes: 2 ** 30, role, writable: role === 'primary', content: 0 };
    }),
  );

/** The two arrays of the world, by their endpoints. */
const world = new Map([
  ['acme://east', { name: 'east', peer: 'acme://west', volumes: volumes('primary') }],
  ['acme://west', { name: 'west', peer: 'acme://east', volumes: volumes('secondary') }],
]);

/** Requests that were carried out: every Acme array keeps the ids of the last ones. */
const carriedOut = new Set<string>();

export class AcmeArray {
  readonly #here: { name: string; peer: string; volumes: AcmeVolume[] };
  readonly #there: { name: string; volumes: AcmeVolume[] };

  constructor(endpoint: string, token: string) {
    const here = world.get(endpoint);
    const there = world.get(here?.peer ?? '');
    if (here === undefined || there === undefined) throw new AcmeError(503, `no ${endpoint}`);
    if (token !== 'open sesame') throw new AcmeError(401, 'the token is not accepted');
    this.#here = here;
    this.#there = there;
  }

  get peerName(): string {
    return this.#there.name;
  }

  volumes(): readonly AcmeVolume[] {
    return this.#here.volumes;
  }

  /** Copies to the peer what changed. */
  replicate(pool: string, request: string): void {
    const own = this.#pool(pool, ({ role }) => role === 'primary');
    for (const volume of own) this.#peerOf(volume).content = volume.content;
    carriedOut.add(request);
  }

  /** The primary refuses writers from now on. */
  freeze(pool: string, request: string): void {
    for (const volume of this.#pool(pool, ({ role }) => role === 'primary'))
      volume.writable = false;
    carriedOut.add(request);
  }

  /** The secondary accepts writers. Without `force`: only if the primary is frozen. */
  takeOver(pool: string, request: string, force: boolean): void {
    const own = this.#pool(pool, ({ role }) => role === 'secondary');
    const frozen = own.every((volume) => !this.#peerOf(volume).writable);
    if (!frozen && !force) throw new AcmeError(409, `the primary of ${pool} takes writers`);
    for (const volume of own) {
      if (!force) volume.content = this.#peerOf(volume).content;
      Object.assign(volume, { role: 'standalone', writable: true });
    }
    carriedOut.add(request);
  }

  /** Gives volumes a role back. */
  setRole(pool: string, request: string, role: 'primary' | 'secondary'): void {
    for (const volume of this.#pool(pool)) {
      Object.assign(volume, { role, writable: role === 'primary' });
    }
    carriedOut.add(request);
  }

  carriedOut(request: string): boolean {
    return carriedOut.has(request);
  }

  #pool(pool: string, allowed: (volume: AcmeVolume) => boolean = () => true): AcmeVolume[] {
    const found = this.#here.volumes.filter((volume) => volume.pool === pool);
    if (found.length === 0) throw new AcmeError(404, `no pool ${pool}`);
    if (!found.every(allowed)) throw new AcmeError(409, `pool ${pool} has another role here`);
    return found;
  }

  #peerOf(volume: AcmeVolume): AcmeVolume {
    return this.#there.volumes.find(({ name }) => name === volume.name) ?? volume;
  }
}
