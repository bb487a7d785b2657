/**
 * What `work` gives; or, when it takes longer than `ms`, what `late` gives or throws. The work goes on then, and how it
 * ends changes nothing any more: `late` may interrupt it, or wait for it. `unref`: waiting does not keep the process.
 */
export async function within<T, L = never>(
  ms: number,
  work: Promise<T>,
  late: () => L | Promise<L>,
  { unref = false } = {},
): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T | L>((resolve, reject) => {
      work.then(resolve, reject);
      // Resolved with a promise it waits for that one alone.
      timer = setTimeout(() => resolve(attempt(late)), ms);
      if (unref) timer.unref();
    });
  } finally {
    clearTimeout(timer);
  }
}

/** What is thrown becomes a rejection. */
async function attempt<L>(late: () => L | Promise<L>): Promise<L> {
  return late();
}
