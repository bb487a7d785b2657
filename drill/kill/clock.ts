/** Preloaded into the server: SIGUSR2 moves Date.now() two hours ahead, the next one back. */
const real = Date.now.bind(Date);
let offset = 0;
Date.now = () => real() + offset;
process.on('SIGUSR2', () => {
  offset = offset === 0 ? 2 * 3_600_000 : 0;
});
