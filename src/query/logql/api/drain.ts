/** What stands for a word that differs from line to line. */
const wildcard = '<_>';
/** As Loki has it: how deep the tree is, how many ways part at a node, and which part of the words must be equal. */
const depth = 28;
const mostChildren = 15;
const similar = 0.3;

interface Cluster {
  words: string[];
  readonly separators: readonly string[];
}

interface Node {
  readonly children: Map<string, Node>;
  readonly clusters: Cluster[];
}

/**
 * Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", 2017): lines of as many words go down a
 * tree by their first words, words with digits as wildcards, and join the most similar pattern where they end. Separators
 * have to be equal.
 */
export class Drain<T extends Cluster = Cluster> {
  readonly #roots = new Map<string, Node>();

  constructor(private readonly create: (cluster: Cluster) => T) {}

  /** The pattern that the line joins, which may become more general for it. */
  train(line: string): T {
    const parts = line.split(separator);
    const words = parts.filter((_, i) => i % 2 === 0);
    const separators = parts.filter((_, i) => i % 2 === 1);
    const key = JSON.stringify(separators);
    const root = this.#roots.get(key) ?? node();
    this.#roots.set(key, root);
    const leaf = this.#leaf(root, words);
    const found = this.#closest(leaf, words);
    if (!found) {
      const made = this.create({ words, separators });
      leaf.clusters.push(made);
      return made;
    }
    found.words = found.words.map((word, i) => (word === words[i] ? word : wildcard));
    return found;
  }

  #leaf(root: Node, words: readonly string[]): Node {
    let at = root;
    for (const word of words.slice(0, depth)) {
      const known = at.children.get(word);
      const full = at.children.size >= mostChildren && !known;
      const key = full || varies(word) ? wildcard : word;
      const next = at.children.get(key) ?? node();
      at.children.set(key, next);
      at = next;
    }
    return at;
  }

  #closest({ clusters }: Node, words: readonly string[]): T | undefined {
    let best: Cluster | undefined;
    let most = -1;
    for (const cluster of clusters) {
      const equal = cluster.words.filter((word, i) => word === words[i]).length;
      if (equal > most) [best, most] = [cluster, equal];
    }
    return best && most / Math.max(1, words.length) >= similar ? (best as T) : undefined;
  }
}

const separator = /([\s=:,;"'()[\]{}]+)/;

function node(): Node {
  return { children: new Map(), clusters: [] };
}

function varies(word: string): boolean {
  return word.includes(wildcard) || /\d/.test(word);
}

export function patternText({ words, separators }: Cluster): string {
  return words.map((word, i) => word + (separators[i] ?? '')).join('');
}
