import type { TableName } from '../../schema/index.js';
import { Gauge, type Telemetry } from '../../telemetry/index.js';
import type { BackgroundHost } from '../background.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RecentTable } from '../recent/table.js';
import { SampleCache } from '../samples/index.js';
import type { SharedUnit } from '../samples/unit.js';
import type {
  RecentSets,
  RecentSetsRequest,
  SamplesRequest,
  SeriesFiles,
  SeriesRequest,
  SeriesView,
} from '../session.js';
import { TransactionSight, type CatalogSight } from './catalog-sight.js';
import type { CatalogPlace } from './changes.js';
import type { Kept, KeptFile } from './kept.js';
import { layoutOf, type MetadataKind } from './layout.js';
import { Recents, type QuestionReads } from './recents.js';
import { ServerSight } from './server-sight.js';
import { seriesFiles } from './view.js';

export interface KeptSeriesOptions {
  readonly host: BackgroundHost;
  readonly place: CatalogPlace;
  /** Of samples; 0 keeps none. */
  readonly maxSampleBytes: number;
  /** Samples of smaller files are not kept. */
  readonly smallestSampleFile?: number | undefined;
  readonly telemetry: Telemetry;
  /** What is known at the moment. */
  readonly kept: () => Kept | null;
  /** Is told the files that a table has now. */
  readonly seen: (kept: Kept, kind: MetadataKind, live: LiveFiles) => void;
}

/** Is told which recent rows a question is given. */
export type Given = (recent: RecentTable) => void;

/** What is known of the newest snapshot. */
export interface Newest {
  readonly kept: Kept;
  /** Null where a table's files are not. */
  readonly filesOf: (table: TableName) => LiveFiles | null;
}

/** Recent rows of all tables of metrics may take this part of the memory for samples, besides it. */
const recentShare = 2;

function sightOf(place: CatalogPlace): CatalogSight {
  return place === 'quack' ? new ServerSight() : new TransactionSight(place);
}

/** Series and samples of metrics that are in memory: of data files by their numbers, and of what the last commits brought. */
export class KeptSeries {
  readonly #samples: SampleCache;
  /** Null where no samples are kept. */
  readonly #recents: Recents | null;

  constructor(private readonly options: KeptSeriesOptions) {
    const { host, place, maxSampleBytes, smallestSampleFile, telemetry, kept, seen } = options;
    this.#samples = new SampleCache({ host, maxBytes: maxSampleBytes, telemetry });
    this.#recents =
      maxSampleBytes > 0
        ? new Recents({
            sight: sightOf(place),
            maxBytes: maxSampleBytes / recentShare,
            smallestSampleFile,
            seen,
          })
        : null;
    const recentBytes = () => this.#recents?.bytes(kept()) ?? 0;
    new Gauge({
      name: 'canardstack_recent_samples_bytes',
      help: 'Rows of metrics of the last commits that are kept in memory.',
      registers: [telemetry.registry],
      collect() {
        this.set(recentBytes());
      },
    });
  }

  /** The recent rows of these files, where they are known. */
  recent(kept: Kept, kind: MetadataKind, live: LiveFiles, given: Given): RecentTable | null {
    const recent = this.#recents?.of(kept, kind, live) ?? null;
    if (recent) given(recent);
    return recent;
  }

  /** Which series the snapshot has: null unless all of them are kept, or learnt now. */
  async of(
    { kept, filesOf }: Newest,
    request: SeriesRequest,
    reads: QuestionReads,
    given: Given,
  ): Promise<SeriesView | null> {
    const known = this.#wholeSeries(kept, request, (kind) => filesOf(layoutOf(kind).table), given);
    if (known !== null || this.#recents === null) return known;
    const learnt = await this.#recents.learn(kept, request.kinds, reads);
    return learnt && this.#wholeSeries(kept, request, (kind) => learnt.get(kind) ?? null, given);
  }

  #wholeSeries(
    kept: Kept,
    request: SeriesRequest,
    filesOf: (kind: MetadataKind) => LiveFiles | null,
    given: Given,
  ): SeriesView | null {
    const tables: SeriesFiles[] = [];
    for (const kind of request.kinds) {
      const live = filesOf(kind);
      if (live === null) return null;
      const files = kept.files.get(kind) ?? new Map<string, KeptFile>();
      const recent = this.recent(kept, kind, live, given);
      const table = seriesFiles(kind, live, files, request, this.options.smallestSampleFile, recent);
      if (table.rest !== null) return null;
      tables.push(table);
    }
    return { epoch: kept.epoch, tables };
  }

  /** Null when they are not known any more. */
  recentSets({ epoch, kind, after }: RecentSetsRequest): RecentSets | null {
    const kept = this.options.kept();
    const sets = kept?.epoch === epoch ? kept.recent.get(kind)?.sets : undefined;
    if (!sets) return null;
    return { given: sets.given, sets: sets.after(after).map(({ number, cells }) => [number, cells]) };
  }

  /** What is in memory of the metrics that the request names, in the files of its answer. */
  withUnits({ names = [] }: SeriesRequest, view: SeriesView): SeriesView {
    if (names.length === 0) return view;
    const units = view.tables.flatMap(({ files }) =>
      files.flatMap((file) =>
        names.flatMap((name) => {
          const unit = this.#samples.kept(file, { name, part: 'value' });
          return unit ? [{ file, name, unit }] : [];
        }),
      ),
    );
    return { ...view, units };
  }

  /** Null when some of the files' samples are not to be had so. */
  async samples({ epoch, kind, name, part, files, samples }: SamplesRequest): Promise<SharedUnit[] | null> {
    const kept = this.options.kept();
    if (kept?.epoch !== epoch) return null;
    const byNumber = new Map(
      [...(kept.files.get(kind) ?? [])].map(([path, file]) => [file.file, { path, ...file }]),
    );
    if (!files.every((file) => this.#samples.has(file, { name, part })) && !this.#samples.takes(samples))
      return null;
    const units: SharedUnit[] = [];
    for (const number of files) {
      const file = byNumber.get(number);
      const unit = file ? await this.#samples.unit({ kind, ...file }, { name, part }) : null;
      if (unit === null) return null;
      units.push(unit);
    }
    return units;
  }

  close(): Promise<void> {
    return this.#samples.close();
  }
}
