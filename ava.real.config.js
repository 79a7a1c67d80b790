/** Tests against real servers that they start themselves; what they need is installed beside us. */
export default {
  files: ['dist/test/real/**/*.test.js'],
  timeout: '10m',
  concurrency: 2,
  workerThreads: false,
};
