import { render } from 'preact';
import { App } from './app/shell';
import './style/base.css';
import './style/controls.css';

const root = document.getElementById('app');
if (root) {
  root.textContent = '';
  render(<App />, root);
}
