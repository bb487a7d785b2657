import { open } from 'node:fs/promises';
import { crc32c } from '@node-rs/crc32';

/** What an object's bytes are. */
export interface Contents {
  readonly bytes: number;
  /** CRC-32C (RFC 3720) of all bytes: eight hex digits. */
  readonly crc32c: string;
}

const readBytes = 1024 * 1024;

/** Counts and sums bytes that come in parts. */
export class ContentsSum {
  #bytes = 0;
  #crc = 0;

  add(part: Uint8Array): void {
    this.#bytes += part.length;
    this.#crc = crc32c(part, this.#crc);
  }

  get contents(): Contents {
    return { bytes: this.#bytes, crc32c: (this.#crc >>> 0).toString(16).padStart(8, '0') };
  }
}

/** Of a local file, read whole. Rejects with the file system's error. */
export async function fileContents(path: string): Promise<Contents> {
  const sum = new ContentsSum();
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(readBytes);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, readBytes, null);
      if (bytesRead === 0) return sum.contents;
      sum.add(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
