import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { setRange } from '../app/range';

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** Pixels that a pointer may move within a click. */
const slack = 4;

interface Drag {
  readonly fromX: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly begun: boolean;
}

/** Dragging over a drawing of a stretch of time makes what lies between its ends the time range. */
export function useDragZoom(box: RefObject<SVGSVGElement | null>, { startMs, endMs }: Window) {
  const [drag, draw] = useState<Drag | null>(null);
  // Events come faster than what they change is drawn.
  const now = useRef<Drag | null>(null);
  const setDrag = (next: Drag | null) => {
    now.current = next;
    draw(next);
  };
  const timeAt = (event: PointerEvent) => {
    const { left, width } = box.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    return startMs + Math.min(1, Math.max(0, (event.clientX - left) / width)) * (endMs - startMs);
  };
  return {
    timeAt,
    /** Milliseconds of what is dragged over now. */
    dragged: drag?.begun
      ? ([Math.min(drag.fromMs, drag.toMs), Math.max(drag.fromMs, drag.toMs)] as const)
      : null,
    handlers: {
      onPointerDown: (event: PointerEvent) => {
        const at = timeAt(event);
        setDrag({ fromX: event.clientX, fromMs: at, toMs: at, begun: false });
      },
      onPointerMove: (event: PointerEvent) => {
        const drag = now.current;
        if (!drag) return;
        // Let go of beyond the drawing, before the pointer was captured.
        if (event.buttons === 0) {
          setDrag(null);
          return;
        }
        const begun = drag.begun || Math.abs(event.clientX - drag.fromX) > slack;
        // Only now: a captured pointer's click would not reach what lies below it.
        if (begun && !drag.begun) box.current?.setPointerCapture(event.pointerId);
        setDrag({ ...drag, toMs: timeAt(event), begun });
      },
      onPointerUp: () => {
        const drag = now.current;
        if (drag?.begun && Math.abs(drag.toMs - drag.fromMs) > (endMs - startMs) / 200)
          setRange(Math.min(drag.fromMs, drag.toMs), Math.max(drag.fromMs, drag.toMs));
        setDrag(null);
      },
      onPointerCancel: () => setDrag(null),
    },
  };
}
