export interface Operator<T> {
  readonly op: T;
  readonly precedence: number;
  /** Binds to the right. */
  readonly right: boolean;
}

/** Joins `operands[0] op[0] operands[1] …` by precedence; there is one operator less than operands. */
export function climb<T, N>(
  operands: readonly N[],
  operators: readonly Operator<T>[],
  join: (op: T, left: N, right: N) => N,
): N {
  const values: N[] = [operands[0] as N];
  const pending: Operator<T>[] = [];
  const reduce = () => {
    const { op } = pending.pop() as Operator<T>;
    const right = values.pop() as N;
    values.push(join(op, values.pop() as N, right));
  };
  operators.forEach((operator, i) => {
    for (let top = pending.at(-1); top; top = pending.at(-1)) {
      const tighter = operator.right
        ? top.precedence > operator.precedence
        : top.precedence >= operator.precedence;
      if (!tighter) break;
      reduce();
    }
    pending.push(operator);
    values.push(operands[i + 1] as N);
  });
  while (pending.length > 0) reduce();
  return values[0] as N;
}
