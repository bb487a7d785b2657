/**
 * A condition on rows as SQL text. It holds for at least every row that is meant; `exact`: for no other. What is
 * not exact is checked again on the rows that come back.
 */
export interface Fragment {
  readonly sql: string;
  readonly exact: boolean;
}

export function exactly(sql: string): Fragment {
  return { sql, exact: true };
}

export function atLeast(sql: string): Fragment {
  return { sql, exact: false };
}

export function allOf(parts: readonly Fragment[]): Fragment {
  return { sql: and(parts.map((part) => part.sql)), exact: parts.every((part) => part.exact) };
}

export function and(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'TRUE' : conditions.map((condition) => `(${condition})`).join(' AND ');
}

export function or(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'FALSE' : conditions.map((condition) => `(${condition})`).join(' OR ');
}
