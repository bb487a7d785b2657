import type { KeptUnit, SamplesRequest, SeriesRequest, SeriesView } from '../session.js';
import type { SharedUnit } from '../samples/unit.js';
import type { RecentTable } from './table.js';

/** The recent rows that a question was given, which stay what they are for it. */
export class GivenRecents {
  readonly #tables = new Map<number, RecentTable>();

  note(recent: RecentTable): void {
    this.#tables.set(recent.file, recent);
  }

  /** Of the metrics that the request names. */
  async units({ names = [] }: SeriesRequest, { tables }: SeriesView): Promise<KeptUnit[]> {
    const units: KeptUnit[] = [];
    for (const { recent } of tables) {
      const table = recent && this.#tables.get(recent.file);
      for (const name of table ? names : []) {
        const unit = await table?.unit(name, 'value').catch(() => null);
        if (table && unit) units.push({ file: table.file, name, unit });
      }
    }
    return units;
  }

  /** In the order of the files; `ofFiles` gives those of data files. Null when some are not to be had. */
  async samples(
    request: SamplesRequest,
    ofFiles: (request: SamplesRequest) => Promise<readonly SharedUnit[] | null>,
  ): Promise<SharedUnit[] | null> {
    const files = request.files.filter((file) => file >= 0);
    const kept = files.length > 0 ? await ofFiles({ ...request, files }) : [];
    if (kept === null) return null;
    const byFile = new Map(files.map((file, i) => [file, kept[i]]));
    const units: SharedUnit[] = [];
    for (const file of request.files) {
      const unit = byFile.get(file) ?? (await this.#tables.get(file)?.unit(request.name, request.part));
      if (!unit) return null;
      units.push(unit);
    }
    return units;
  }
}
