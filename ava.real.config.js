/**
 * Tests against real servers that they start themselves; what they need is installed beside us. One
 * file at a time: twenty guests under emulation leave two cores nothing for anybody else.
 */
export default {
  files: ['dist/test/real/**/*.test.js'],
  timeout: '10m',
  concurrency: 1,
  workerThreads: false,
};
