/** Where a mark stands in an encoded request, so that a copy of it can be given something of the same length instead. */
export class Places {
  readonly #places: readonly number[];
  readonly #length: number;

  constructor(body: Buffer, mark: Buffer) {
    const places: number[] = [];
    for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + mark.length)) places.push(at);
    this.#places = places;
    this.#length = mark.length;
  }

  /** In order of the request. */
  each(write: (place: number, index: number) => void): void {
    for (const [index, place] of this.#places.entries()) write(place, index);
  }

  /** Random bytes at each place; `together` places that follow each other get the same. */
  random(body: Buffer, random: () => number, together = 1): void {
    const bytes = Buffer.alloc(this.#length);
    this.each((place, index) => {
      if (index % together === 0)
        for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random() * 2 ** 32, at);
      bytes.copy(body, place);
    });
  }

  /** Hexadecimal digits at each place. */
  randomHex(body: Buffer, random: () => number): void {
    const bytes = Buffer.alloc(this.#length / 2);
    this.each((place) => {
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random() * 2 ** 32, at);
      body.write(bytes.toString('hex'), place, 'latin1');
    });
  }
}
