import type { ComponentType } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { Help } from './help';
import { useKeyboard } from './keyboard';
import { Link } from './link';
import { linkTo, setParams, useLocation } from './location';
import { pageOf, pages, type Page } from './pages';
import { Progress } from './progress';
import { RangeProvider, useRange } from './range';
import { RangePicker } from './range-picker';
import { AdminOnly, SessionGate, useAccess } from './session';
import { Empty, Fault, Loading } from './states';
import { useTheme } from './theme';

export function App() {
  return (
    <RangeProvider>
      <Progress />
      <SessionGate>
        <Shell />
      </SessionGate>
    </RangeProvider>
  );
}

function Shell() {
  const { path } = useLocation();
  const page = pageOf(path);
  const { refresh } = useRange();
  const [help, showHelp] = useState(false);
  useKeyboard(showHelp, refresh);
  useEffect(() => {
    document.title = page && page.path !== '' ? `${page.title} · canardstack` : 'canardstack';
  }, [page]);
  // On a narrow screen the page's own name may lie outside of the row of them.
  useEffect(() => {
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [page]);
  const close = useCallback(() => showHelp(false), []);
  return (
    <div class="shell">
      <header>
        <Link to={linkTo('')} class="brand">
          <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width="22" height="22" />
          <span>canardstack</span>
        </Link>
        <nav aria-label="Pages">
          {pages.map(({ path: to, title, key }) => (
            <Link key={to} to={linkTo(to)} title={`${title} (g ${key})`} current={page?.path === to}>
              {title}
            </Link>
          ))}
        </nav>
        <div class="tools">
          {page?.timed && <RangePicker />}
          <Tools showHelp={() => showHelp(true)} />
        </div>
      </header>
      <main>
        <Fault at={path}>{page ? <Loaded key={page.path} page={page} /> : <NoPage />}</Fault>
      </main>
      {help && <Help close={close} />}
    </div>
  );
}

function NoPage() {
  return (
    <Empty>
      <h1>There is no such page</h1>
      <p>
        <Link to={linkTo('')}>To the overview</Link>
      </p>
    </Empty>
  );
}

function Tools({ showHelp }: { readonly showHelp: () => void }) {
  const [theme, nextTheme] = useTheme();
  const { session, leave } = useAccess();
  const { utc } = useRange();
  const zone = utc ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <div class="row">
      <button
        type="button"
        title={`Times in ${zone}; a click changes it`}
        onClick={() => setParams({ tz: utc ? null : 'utc' })}
      >
        {utc ? 'UTC' : 'local'}
      </button>
      <button type="button" title={`Colours: ${theme}`} aria-label={`Colours: ${theme}`} onClick={nextTheme}>
        {{ auto: '◐', dark: '☾', light: '☀' }[theme]}
      </button>
      <button type="button" title="Keyboard (?)" aria-label="Keyboard" onClick={showHelp}>
        ?
      </button>
      {session.role !== null && (
        <button type="button" onClick={leave}>
          Sign out
        </button>
      )}
    </div>
  );
}

/** A page's code comes when it is opened first. */
function Loaded({ page }: { readonly page: Page }) {
  const [Content, setContent] = useState<ComponentType>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    page.load().then(
      (module) => setContent(() => module.default),
      () => setFailed(true),
    );
  }, [page]);
  if (failed) {
    return (
      <div class="error-box" role="alert">
        <strong>This page could not be loaded.</strong> The server is away, or has become a newer version.{' '}
        <button type="button" onClick={() => window.location.reload()}>
          Reload
        </button>
      </div>
    );
  }
  if (!Content) return <Loading />;
  return page.admin ? (
    <AdminOnly>
      <Content />
    </AdminOnly>
  ) : (
    <Content />
  );
}
