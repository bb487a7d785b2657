import { useState } from 'preact/hooks';
import { Actions } from './actions';
import { CatalogView } from './catalog';
import { Health } from './health';
import { Load } from './load';
import '../../style/overview.css';
import '../../style/system.css';

export default function System() {
  const [tick, setTick] = useState(0);
  return (
    <>
      <h1 class="visually-hidden">System</h1>
      <Health tick={tick} />
      <Load />
      <Actions done={() => setTick((value) => value + 1)} />
      <CatalogView tick={tick} />
    </>
  );
}
