import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './base.css';
import './controls.css';
import './views.css';
import { App } from './app.tsx';

render(<App />, document.body);
