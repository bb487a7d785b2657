import { setRange } from './range';
import { Empty } from './states';

interface Props {
  /** The sentence that says so. */
  readonly says: string;
  /** What the button to search for everything says. */
  readonly everything: string;
  readonly showEverything: () => void;
}

/** A search that found nothing, and two ways on. */
export function NoMatch({ says, everything, showEverything }: Props) {
  return (
    <Empty>
      <p>{says}</p>
      <p class="row center">
        <button type="button" onClick={() => setRange('now-24h', 'now')}>
          Look at the last 24 hours
        </button>
        <button type="button" onClick={showEverything}>
          {everything}
        </button>
      </p>
    </Empty>
  );
}
