/** To the thread that makes an index. It answers each in turn: `end` with the index as bytes, the others with null. */
export type BuildRequest =
  /** Texts of the row group at hand, lines or those of another column; what stands between them is no part of a token. */
  | { readonly type: 'texts'; readonly column: string | null; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Values of another column, with line breaks between. */
  | { readonly type: 'values'; readonly column: string; readonly bytes: Uint8Array<ArrayBuffer> }
  /** All lines of a row group were sent. */
  | { readonly type: 'granule'; readonly rows: number }
  | { readonly type: 'end' }
  /** What was sent is forgotten. */
  | { readonly type: 'reset' };
