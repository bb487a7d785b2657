import type { ProtobufWriter } from '../../server/protobuf-writer.js';
import type { encodeStats } from './encode.js';

export type Stats = ReturnType<typeof encodeStats>;

/** `stats.Result` of pkg/logqlmodel/stats/stats.proto: what JSON tells. */
export function writeStats(writer: ProtobufWriter, field: number, { summary, querier }: Stats): void {
  writer.message(field, () => {
    writer.message(1, () => {
      writer.uint(1, summary.bytesProcessedPerSecond);
      writer.uint(2, summary.linesProcessedPerSecond);
      writer.uint(3, summary.totalBytesProcessed);
      writer.uint(4, summary.totalLinesProcessed);
      writer.double(5, summary.execTime);
      writer.uint(7, summary.subqueries);
      writer.uint(8, summary.totalEntriesReturned);
      writer.uint(11, summary.totalPostFilterLines);
    });
    const { chunk, totalChunksRef, totalChunksDownloaded } = querier.store;
    writer.message(2, () =>
      writer.message(1, () => {
        writer.uint(1, totalChunksRef);
        writer.uint(2, totalChunksDownloaded);
        writer.message(4, () => {
          writer.uint(6, chunk.decompressedBytes);
          writer.uint(7, chunk.decompressedLines);
          writer.uint(8, chunk.compressedBytes);
          writer.uint(10, chunk.postFilterLines);
        });
      }),
    );
  });
}
