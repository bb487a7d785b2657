import type { Parameter } from './functions.js';
import type { Operand } from './parse.js';
import { Integer, typeName, type TemplateError, type Value } from './value.js';

/** What is wrong, with the place in the template that is looked at. */
type Fault = (why: string) => TemplateError;

/** What is written as a literal has the type that is wanted. */
export function literalAs(
  literal: Extract<Operand, { kind: 'literal' }>,
  type: Parameter,
  fault: Fault,
): Value {
  const { value, text } = literal;
  if (value === null && type !== 'any') throw fault(`cannot assign nil to ${type}`);
  switch (type) {
    case 'any':
      return value;
    case 'string':
      if (typeof value === 'string') return value;
      throw fault(`expected string; found ${text}`);
    case 'int':
      if (typeof value === 'bigint') return value;
      if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 63)
        return BigInt(value);
      throw fault(`expected integer; found ${text}`);
    case 'float64':
      if (typeof value === 'bigint' || typeof value === 'number') return Number(value);
      throw fault(`expected float; found ${text}`);
    case 'time.Duration':
      return new Integer(type, literalAs(literal, 'int', fault) as bigint);
    case 'time.Time':
      throw fault(`can't handle ${text} for arg of type ${type}`);
  }
}

/** `bare`: not taken out of a map, in which Go has nil of some type. */
export function valueAs(value: Value, type: Parameter, bare: boolean, fault: Fault): Value {
  if (type === 'any') return value;
  if (value === null || value === undefined) {
    throw fault(
      bare ? `invalid value; expected ${type}` : `wrong type for value; expected ${type}; got interface {}`,
    );
  }
  const own = typeName(value);
  if (own !== type) throw fault(`wrong type for value; expected ${type}; got ${own}`);
  return value;
}
