interface Props {
  /** Milliseconds, as `useDragZoom` tells them. */
  readonly dragged: readonly [number, number] | null;
  readonly x: (ms: number) => number;
  readonly height: number;
}

/** What is dragged over now, in a drawing of a stretch of time. */
export function Dragged({ dragged, x, height }: Props) {
  if (!dragged) return null;
  const [from, to] = dragged;
  return <rect class="drag" x={x(from)} width={x(to) - x(from)} y={0} height={height} />;
}
