import { Counter, Gauge, type Registry } from '../../telemetry/index.js';

/** What the lease's metrics tell. */
interface MeasuredLease {
  readonly epoch: number;
  valid(): boolean;
  renewals(): number;
}

/** Registers the lease's metrics; once for each registry. */
export function leaseMetrics(registry: Registry, ownership: MeasuredLease): void {
  new Gauge({
    name: 'canardstack_catalog_lease_epoch',
    help: 'Epoch of the catalog lease of this process: grows with each holder.',
    registers: [registry],
    collect() {
      this.set(ownership.epoch);
    },
  });
  new Gauge({
    name: 'canardstack_catalog_lease_valid',
    help: '1 while this process owns the catalog file, 0 when its lease is lost or overdue.',
    registers: [registry],
    collect() {
      this.set(ownership.valid() ? 1 : 0);
    },
  });
  let counted = 0;
  new Counter({
    name: 'canardstack_catalog_lease_renewals_total',
    help: 'Renewals of the catalog lease.',
    registers: [registry],
    collect() {
      const renewals = ownership.renewals();
      this.inc(renewals - counted);
      counted = renewals;
    },
  });
}
