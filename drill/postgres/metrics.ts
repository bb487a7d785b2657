/** Sums of counters and histogram buckets over several nodes, and over the lives of one that was restarted. */
export class MetricSums {
  readonly #values = new Map<string, number>();

  /** Adds what the node counts at the moment. */
  async add(url: string): Promise<void> {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [, name, value] of text.matchAll(/^(\w+(?:\{[^}]*\})?) (\S+)$/gm)) {
      if (name !== undefined) this.#values.set(name, (this.#values.get(name) ?? 0) + Number(value));
    }
  }

  get(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  /** Upper bound of the bucket in which the quantile lies. */
  quantile(histogram: string, q: number): string {
    const buckets = [...this.#values]
      .map(([name, n]) => ({ le: new RegExp(`^${histogram}_bucket\\{le="([^"]+)"\\}$`).exec(name)?.[1], n }))
      .filter((bucket): bucket is { le: string; n: number } => bucket.le !== undefined)
      .sort((a, b) => a.n - b.n || Number(a.le) - Number(b.le));
    const all = buckets.at(-1)?.n ?? 0;
    return buckets.find((bucket) => bucket.n >= all * q)?.le ?? 'none';
  }
}
