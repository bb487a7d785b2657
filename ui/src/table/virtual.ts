import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualItem,
} from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useLayoutEffect, useReducer, useState } from 'preact/hooks';

interface Options {
  readonly count: number;
  readonly scroller: RefObject<HTMLElement | null>;
  /** Pixels of a row before it was measured. */
  readonly rowHeight: number;
  readonly keyOf?: (index: number) => string | number;
}

interface Virtual {
  readonly items: readonly VirtualItem[];
  readonly totalHeight: number;
  /** Goes to each row's `ref`; the row needs `data-index`. */
  readonly measure: (element: Element | null) => void;
  readonly scrollTo: (index: number) => void;
}

/** The rows of a long list that are in sight. */
export function useVirtual({ count, scroller, rowHeight, keyOf }: Options): Virtual {
  const [, render] = useReducer((value: number) => value + 1, 0);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    ...(keyOf ? { getItemKey: keyOf } : {}),
    overscan: 12,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => render(undefined),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, Element>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return {
    items: virtualizer.getVirtualItems(),
    totalHeight: virtualizer.getTotalSize(),
    measure: virtualizer.measureElement,
    scrollTo: (index) => virtualizer.scrollToIndex(index, { align: 'center' }),
  };
}
