import { Char } from '../characters.js';
import type { AttributeText } from '../wire/attributes.js';
import type { ColumnWriter } from './column-writer.js';
import { PromotedValues } from './promoted-values.js';

/**
 * What tells the processes of a service apart when the resource names no service.instance.id: where it runs, then
 * which process it is there. The place alone names no process.
 */
const attributesInOrder = [
  { keys: ['service.instance.id'] },
  { keys: ['host.name', 'host.id'] },
  { keys: ['container.id', 'k8s.pod.uid'] },
  { keys: ['faas.instance'] },
  { keys: ['process.pid'] },
];
const [ownSlot, placeSlot] = [0, 1];

/**
 * The label `instance` of metrics whose resource has no service.instance.id: `<host>:<container>:<process>` of what
 * there is, so that two processes are not one series.
 */
export class InstanceValue {
  readonly #values: PromotedValues;

  constructor(
    private readonly writer: ColumnWriter,
    private readonly attributes: AttributeText,
  ) {
    this.#values = new PromotedValues(writer, attributesInOrder);
  }

  reset(): void {
    this.#values.reset();
  }

  /** An AttributeVisitor. */
  readonly visit = (keyPos: number, keyLength: number, valuePos: number, valueEnd: number): void => {
    this.#values.visit(keyPos, keyLength, valuePos, valueEnd);
  };

  /** Into four words that `StretchBuilder.fill` takes; they stay as they are when there is nothing. */
  write(words: Uint32Array): void {
    const { arena } = this.writer;
    const start = arena.length;
    if (this.#append(ownSlot)) {
      arena.length = start;
      return;
    }
    let place = 0;
    for (let slot = placeSlot; slot < attributesInOrder.length; slot++) {
      const before = arena.length;
      if (before > start) arena.byte(Char.colon);
      if (!this.#append(slot)) arena.length = before;
      if (slot === placeSlot) place = arena.length - start;
    }
    if (arena.length - start === place) arena.length = start;
    else this.writer.arenaWords(words, 0, start);
  }

  #append(slot: number): boolean {
    const { attributes, writer } = this;
    const { arena } = writer;
    const before = arena.length;
    if (!this.#values.find(slot, attributes)) return false;
    if (attributes.isText) writer.textAtEnd(attributes.valuePos, attributes.valueEnd - attributes.valuePos);
    else attributes.plainText();
    return arena.length > before;
  }
}
