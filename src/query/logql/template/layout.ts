/** The elements of Go's reference time, Mon Jan 2 15:04:05 MST 2006, in a layout (pkg time, nextStdChunk). */
const elements =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|[.,]0+(?!\d)|[.,]9+(?!\d)|002|__2|_2(?!006)|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5/g;

export interface Element {
  /** What stands before it in the layout. */
  readonly before: string;
  readonly element: string;
}

/** The elements of a layout; the last one is empty, behind the last text. */
export function layoutElements(layout: string): Element[] {
  const found: Element[] = [];
  let last = 0;
  for (const match of layout.matchAll(elements)) {
    found.push({ before: layout.slice(last, match.index), element: match[0] });
    last = match.index + match[0].length;
  }
  found.push({ before: layout.slice(last), element: '' });
  return found;
}

export const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
export const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
