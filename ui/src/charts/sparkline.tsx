interface Props {
  readonly values: readonly number[];
  /** For those who can't see it. */
  readonly label: string;
  readonly tone?: 'calm' | 'bad';
}

const width = 110;
const height = 26;

/** A line from zero up, without axes. */
export function Sparkline({ values, label, tone = 'calm' }: Props) {
  const finite = values.filter(Number.isFinite);
  const most = Math.max(...finite, 0);
  if (finite.length < 2) return <span class="faint">–</span>;
  const x = (i: number) => (i / (values.length - 1)) * width;
  const y = (value: number) => height - 2 - (most === 0 ? 0 : (value / most) * (height - 4));
  let path = '';
  let open = false;
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      open = false;
      return;
    }
    path += `${open ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    open = true;
  });
  return (
    <svg
      class={`sparkline ${tone}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {finite.length === values.length && (
        <path class="below" d={`${path}L${width} ${height}L0 ${height}Z`} />
      )}
      <path d={path} fill="none" stroke-width="1.5" vector-effect="non-scaling-stroke" />
    </svg>
  );
}
