import { orderKey, streamsKey } from '../../day-file.js';
import { joinedKeys, keysIn, keysKey, keysNote } from '../../files/keys-note.js';
import { NotJoined, type Notes } from './join/index.js';

export const notedKeys = [streamsKey, keysKey];

/** What is noted of all rows of some files together; nothing of what one of them does not tell. */
export function joinedNotes(files: readonly Notes[]): Record<string, string> {
  const streams = files.map((notes) => notes.get(streamsKey));
  const keys = files.map((notes) => notes.get(keysKey));
  return {
    ...(isEach(streams) && { [streamsKey]: joinedStreams(streams) }),
    // So that after a start a query knows the keys before their columns were read.
    ...(isEach(keys) && keysNote(joinedKeys(keys.map(keysIn)))),
  };
}

/** The same of files whose rows lie in one order each; throws NotJoined for others, of which more row groups are read than of sorted ones. */
export function orderedNotes(files: readonly Notes[]): Record<string, string> {
  const orders = new Set(files.map((notes) => notes.get(orderKey)));
  if (orders.size > 1 || orders.has(undefined)) throw new NotJoined('rows do not lie in one order');
  return joinedNotes(files);
}

function isEach(texts: readonly (string | undefined)[]): texts is string[] {
  return texts.every((text) => text !== undefined);
}

/** The stretches of spool streams that files hold together. */
function joinedStreams(notes: readonly string[]): string {
  return JSON.stringify(joined(notes.flatMap((text) => JSON.parse(text) as StreamRange[])));
}

interface StreamRange {
  readonly stream: string;
  readonly from: number;
  readonly to: number;
}

/** Stretches that follow each other become one. */
function joined(ranges: readonly StreamRange[]): StreamRange[] {
  const sorted = [...ranges].sort((a, b) =>
    a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.from - b.from,
  );
  const result: StreamRange[] = [];
  for (const range of sorted) {
    const last = result.at(-1);
    if (last?.stream === range.stream && range.from <= last.to) {
      result[result.length - 1] = { ...last, to: Math.max(last.to, range.to) };
    } else {
      result.push(range);
    }
  }
  return result;
}
