import { useState } from 'preact/hooks';
import { Actions } from './actions';
import { CatalogView } from './catalog';
import { Backups, FilesByDay } from './contents';
import { Health } from './health';
import { Load } from './load';
import { MaintenanceView } from './maintenance';
import { Settings } from './settings';
import { useActions } from './use-actions';
import '../../style/overview.css';
import '../../style/system.css';

export default function System() {
  const [tick, setTick] = useState(0);
  const acting = useActions(() => setTick((value) => value + 1));
  return (
    <>
      <h1 class="visually-hidden">System</h1>
      <Health tick={tick} />
      <Load />
      <Actions {...acting} />
      <MaintenanceView tick={tick} act={acting.begin} />
      <CatalogView tick={tick} />
      <FilesByDay tick={tick} />
      <Backups tick={tick} />
      <Settings />
    </>
  );
}
