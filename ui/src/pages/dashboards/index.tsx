import { useLocation } from '../../app/location';
import { Board } from './board';
import { List } from './list';
import '../../style/logs.css';
import '../../style/overview.css';
import '../../style/traces.css';
import '../../style/dashboards.css';

/** `dashboards` lists them, `dashboards/ID` is one. */
export default function Dashboards() {
  const { path } = useLocation();
  const [, id = ''] = path.split('/');
  return id === '' ? <List /> : <Board key={id} id={id} />;
}
