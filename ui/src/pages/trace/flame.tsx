import { useEffect, useRef, useState } from 'preact/hooks';
import type { Span, Trace } from '../../api/trace';
import { serviceColor } from '../../charts/service-color';
import { formatSeconds } from '../../format/numbers';

interface Props {
  readonly trace: Trace;
  readonly select: (id: string) => void;
}

const rowHeight = 22;
const failedColor = '#d3414a';

/** Spans below their parents over time, on a canvas; a click on one zooms to it. The waterfall tells the same in words. */
export function Flame({ trace, select }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [zoom, setZoom] = useState<Span | null>(null);
  const [hovered, setHovered] = useState<Span | null>(null);
  const [width, setWidth] = useState(800);
  const fromMs = zoom?.startMs ?? 0;
  const spanMs = Math.max(0.001, (zoom?.endMs ?? trace.durationMs) - fromMs);
  const deepest = trace.spans.reduce((most, { depth }) => Math.max(most, depth), 0);
  const height = Math.min(200, deepest + 1) * rowHeight;

  useEffect(() => {
    const element = canvas.current?.parentElement;
    if (!element) return;
    const { paddingLeft, paddingRight } = getComputedStyle(element);
    const padding = parseFloat(paddingLeft) + parseFloat(paddingRight);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth - padding));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const place = (span: Span) => {
    const left = ((span.startMs - fromMs) / spanMs) * width;
    return {
      left,
      wide: Math.max(0.5, ((span.endMs - span.startMs) / spanMs) * width),
      top: span.depth * rowHeight,
    };
  };

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !canvas.current) return;
    const { fontFamily } = getComputedStyle(canvas.current);
    const ratio = window.devicePixelRatio;
    canvas.current.width = width * ratio;
    canvas.current.height = height * ratio;
    context.scale(ratio, ratio);
    context.font = `12px ${fontFamily}`;
    context.textBaseline = 'middle';
    for (const span of trace.spans) {
      const { left, wide, top } = place(span);
      if (left > width || left + wide < 0 || top > height) continue;
      context.fillStyle = serviceColor(span.service);
      context.fillRect(left, top, Math.max(0.5, wide - 0.5), rowHeight - 1);
      if (span.failed) {
        context.fillStyle = failedColor;
        context.fillRect(left, top + rowHeight - 4, Math.max(1, wide - 0.5), 3);
      }
      if (wide < 40) continue;
      context.save();
      context.beginPath();
      context.rect(left, top, wide - 2, rowHeight);
      context.clip();
      context.fillStyle = '#10141a';
      const text = `${span.failed ? '✖ ' : ''}${span.service} ${span.name}`;
      context.fillText(text, Math.max(2, left + 3), top + (rowHeight - 2) / 2);
      context.restore();
    }
  }, [trace, zoom, width, height]);

  const at = (event: MouseEvent): Span | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return null;
    const [x, depth] = [event.clientX - box.left, Math.floor((event.clientY - box.top) / rowHeight)];
    return (
      trace.spans.find((span) => {
        const { left, wide } = place(span);
        return span.depth === depth && x >= left && x <= left + Math.max(2, wide);
      }) ?? null
    );
  };

  return (
    <div class="card">
      <div class="row">
        <button type="button" disabled={zoom === null} onClick={() => setZoom(null)}>
          Whole trace
        </button>
        <span class="grow">
          {hovered
            ? `${hovered.service} ${hovered.name}: ${formatSeconds((hovered.endMs - hovered.startMs) / 1000)}`
            : 'A click zooms to a span, a double click shows it in the waterfall.'}
        </span>
      </div>
      <canvas
        ref={canvas}
        class="flame"
        style={{ width: `${width}px`, height: `${height}px` }}
        role="img"
        aria-label={`Flame graph of ${trace.spans.length} spans`}
        onMouseMove={(event) => setHovered(at(event))}
        onMouseLeave={() => setHovered(null)}
        onClick={(event) => setZoom(at(event))}
        onDblClick={(event) => {
          const span = at(event);
          if (span) select(span.id);
        }}
      />
    </div>
  );
}
