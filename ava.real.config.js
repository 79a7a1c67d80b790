/**
 * Tests against real servers that they start themselves; what they need is installed beside us. Two
 * files at a time: they wait for leases and guests, but twenty guests under emulation leave two
 * cores nothing for anybody else.
 */
export default {
  files: ['dist/test/real/**/*.test.js'],
  timeout: '10m',
  concurrency: 2,
  workerThreads: false,
};
