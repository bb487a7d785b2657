import { mostHeldRows } from '../../../lake/session.js';

/**
 * Asks `load` for as many rows as are held as a whole, as what is streamed is planned twice, and for `most` of them when there may be
 * more. `load` begins anew each time, and gives how many came; so does this.
 */
export async function fewFirst(most: number, load: (limit: number) => Promise<number>): Promise<number> {
  const few = Math.min(most, mostHeldRows);
  const rows = await load(few);
  return rows === few && few < most ? load(most) : rows;
}
