import { serviceColor } from './service-color';

/** The colour that a service has on every page. */
export function ServiceMark({ name }: { readonly name: string }) {
  return (
    <svg class="service-mark" width="10" height="10" aria-hidden="true">
      <rect width="10" height="10" rx="2" fill={serviceColor(name)} />
    </svg>
  );
}
