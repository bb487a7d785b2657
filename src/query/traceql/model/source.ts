/** Where SQL finds a field. */
export type Source =
  /** A column of text in which NULL stands for ''. `nullable`: which is missing as well, so that it equals nil. */
  | { readonly kind: 'text'; readonly column: string; readonly nullable?: true }
  /** A column of text, NULL when absent, that holds a string attribute or an id. */
  | { readonly kind: 'optional'; readonly column: string }
  | { readonly kind: 'number'; readonly column: string }
  | { readonly kind: 'enum'; readonly column: string; readonly type: 'status' | 'kind' }
  /**
   * A JSON value of any type. `texts`: the JSON columns in which it lies. `hint`: a column that holds its
   * text whenever it is a scalar. `column`: a column of text that stands in for the JSON. `list`: the same value, NULL when
   * it is no array; null: it is to be found out.
   */
  | {
      readonly kind: 'json';
      readonly json: string;
      readonly list: string | null;
      readonly texts: readonly string[];
      readonly hint: string | null;
      readonly column: string | null;
    }
  /** A list of JSON values, one an event or link. */
  | { readonly kind: 'each'; readonly list: string; readonly text: string }
  /** Only known from the whole trace, or not worth SQL. */
  | { readonly kind: 'none' };

export const nowhere: Source = { kind: 'none' };
