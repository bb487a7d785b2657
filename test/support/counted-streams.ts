import type { ReadSession } from '../../src/lake/session.js';
import type { TestLake } from './lake.js';

/** What a question that only streams has for an answer, and by how many statements. */
export async function countedStreams<T>(
  lake: TestLake,
  ask: (session: ReadSession) => Promise<T>,
): Promise<[answer: T, statements: number]> {
  let statements = 0;
  const answer = await lake.guard.run('test', new AbortController().signal, ({ session }) => {
    const stream: ReadSession['stream'] = (...args) => {
      statements++;
      return session.stream(...args);
    };
    return ask({ stream } as ReadSession);
  });
  return [answer, statements];
}
