import type { Attributes } from './otlp.js';
import type { Random } from './random.js';
import { Trace, Work } from './trace.js';

/** Since when payments by one bank fail, before the present. */
export const brokenForMs = 50 * 60_000;

const versions: ReadonlyMap<string, string> = new Map([
  ['web', '5.12.0'],
  ['catalog', '3.4.2'],
  ['cart', '2.1.7'],
  ['checkout', '4.0.3'],
  ['inventory', '1.9.1'],
  ['payment', '2.4.1'],
  ['mailer', '1.2.0'],
]);

export const services: readonly string[] = [...versions.keys()];

export function resourceOf(service: string): Attributes {
  return {
    'service.name': service,
    'service.namespace': 'shop',
    'service.version': versions.get(service) ?? '1.0.0',
    'service.instance.id': `${service}-7d9f-0`,
    'deployment.environment.name': 'demo',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': `${service}-7d9f-0`,
    'host.name': service === 'payment' ? 'node-2' : 'node-1',
    'telemetry.sdk.language': service === 'web' ? 'nodejs' : service === 'payment' ? 'java' : 'go',
  };
}

const products = [
  'tent',
  'backpack',
  'kettle',
  'lantern',
  'sleeping bag',
  'hammock',
  'stove',
  'rope',
] as const;
const banks = ['Alpenbank', 'NordBank', 'Credit Sud', 'First Harbour'] as const;

interface Context {
  readonly random: Random;
  readonly broken: boolean;
}

function select(work: Work, statement: string, medianMs: number, rows: number): Work {
  const attributes = {
    'db.system.name': 'postgresql',
    'db.namespace': work.service,
    'db.query.text': statement,
    'server.address': 'postgres.shop.svc',
    'server.port': 5432,
  };
  return work.within(statement.split(' ', 1)[0] ?? 'SELECT', { kind: 'client', attributes }, (query) => {
    query.spend(medianMs);
    query.set('db.response.returned_rows', rows);
  });
}

function redis(work: Work, command: string, key: string): void {
  const attributes = {
    'db.system.name': 'redis',
    'db.query.text': `${command} ${key}`,
    'server.address': 'redis.shop.svc',
  };
  work.within(command, { kind: 'client', attributes }, (query) => query.spend(0.7));
}

function home(page: Work, { random }: Context): void {
  page.call('catalog', 'GET', '/products', (catalog) => {
    catalog.spend(1);
    if (random.chance(0.7)) redis(catalog, 'GET', 'catalog:top');
    else select(catalog, 'SELECT id, name, price FROM products ORDER BY sold DESC LIMIT 24', 9, 24);
    catalog.log('DEBUG', 'listed 24 products', { cache: true });
  });
  page.within('render', { kind: 'internal', attributes: { template: 'home' } }, (render) => render.spend(6));
}

function product(page: Work, { random }: Context): void {
  const id = random.integer(1, 400);
  page.call('catalog', 'GET', '/products/{id}', (catalog) => {
    catalog.set('product.id', id);
    select(catalog, 'SELECT * FROM products WHERE id = $1', 2.5, 1);
  });
  page.call('inventory', 'GET', '/stock/{id}', (inventory) => {
    inventory.set('product.id', id);
    select(inventory, 'SELECT available FROM stock WHERE product_id = $1', 1.8, 1);
    if (random.chance(0.04))
      inventory.log('WARN', `stock of product ${id} is low`, { 'product.id': id, available: 2 });
  });
  page.within('render', { kind: 'internal', attributes: { template: 'product' } }, (render) =>
    render.spend(4),
  );
}

/** The slow query to be found: a search of several words reads the whole table. */
function search(page: Work, { random }: Context): void {
  const slow = random.chance(0.22);
  const words = slow ? `${random.pick(products)} for two` : random.pick(products);
  page.set('url.query', `q=${encodeURIComponent(words)}`);
  page.call('catalog', 'GET', '/search', (catalog) => {
    catalog.set('search.query', words);
    if (slow) {
      const statement =
        "SELECT id, name, price FROM products WHERE lower(description) LIKE '%' || lower($1) || '%' ORDER BY name";
      const query = select(catalog, statement, 2400, random.integer(0, 6));
      catalog.log('WARN', `slow query: ${Math.round(query.elapsedMs)} ms: ${statement}`, {
        'db.duration_ms': Math.round(query.elapsedMs),
        'search.query': words,
        plan: 'Seq Scan on products (rows=1843022)',
      });
    } else {
      select(
        catalog,
        'SELECT id, name, price FROM products WHERE name_tsv @@ to_tsquery($1) LIMIT 50',
        12,
        31,
      );
    }
    catalog.log('INFO', `search "${words}" took ${Math.round(catalog.elapsedMs)} ms`, {
      'search.query': words,
    });
  });
  page.within('render', { kind: 'internal', attributes: { template: 'search' } }, (render) =>
    render.spend(5),
  );
}

function addToCart(page: Work, { random }: Context): void {
  page.call('cart', 'POST', '/cart/items', (cart) => {
    redis(cart, 'HINCRBY', `cart:${random.integer(1000, 9999)}`);
    cart.log(
      'INFO',
      JSON.stringify({ event: 'item added', product: random.pick(products), quantity: random.integer(1, 3) }),
    );
  });
}

const stackTrace = [
  'com.shop.payment.IssuerTimeoutException: NordBank did not answer within 3000 ms',
  '    at com.shop.payment.issuer.IssuerClient.authorize(IssuerClient.java:88)',
  '    at com.shop.payment.ChargeService.charge(ChargeService.java:41)',
  '    at com.shop.payment.api.ChargeResource.post(ChargeResource.java:27)',
  'Caused by: java.net.SocketTimeoutException: Read timed out',
  '    at java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:278)',
].join('\n');

/** The error to be found: since a deployment one bank's payments time out. */
function charge(payment: Work, bank: string, amount: number, { broken }: Context): void {
  payment.set('payment.bank', bank);
  payment.set('payment.amount', amount);
  const fails = broken && bank === 'NordBank';
  const issuer = {
    'server.address': `${bank.toLowerCase().replace(' ', '-')}.example`,
    'http.request.method': 'POST',
  };
  payment.within('POST', { kind: 'client', attributes: issuer }, (call) => {
    if (!fails) {
      call.spend(140);
      call.set('http.response.status_code', 200);
      return;
    }
    call.waitUntil(call.nowMs + 3000);
    call.event('exception', {
      'exception.type': 'com.shop.payment.IssuerTimeoutException',
      'exception.message': 'NordBank did not answer within 3000 ms',
      'exception.stacktrace': stackTrace,
    });
    call.fail('NordBank did not answer within 3000 ms');
  });
  if (!fails) {
    payment.log('INFO', `charged ${amount} EUR by ${bank}`, {
      'payment.bank': bank,
      'payment.amount': amount,
    });
    return;
  }
  payment.fail('IssuerTimeoutException');
  payment.log('ERROR', `charge failed: NordBank did not answer within 3000 ms`, {
    'payment.bank': bank,
    'exception.type': 'com.shop.payment.IssuerTimeoutException',
    'exception.stacktrace': stackTrace,
  });
}

function checkout(page: Work, context: Context): void {
  const { random } = context;
  const order = `o-${random.integer(100_000, 999_999)}`;
  const bank = random.pick(banks);
  const amount = Math.round(random.between(15, 400) * 100) / 100;
  const placed = page.call('checkout', 'POST', '/checkout', (checkout) => {
    checkout.set('order.id', order);
    checkout.call('cart', 'GET', '/cart', (cart) =>
      redis(cart, 'HGETALL', `cart:${random.integer(1000, 9999)}`),
    );
    checkout.call('inventory', 'POST', '/reservations', (inventory) => {
      select(inventory, 'UPDATE stock SET available = available - $1 WHERE product_id = $2', 6, 1);
    });
    const paid = checkout.call('payment', 'POST', '/charge', (payment) =>
      charge(payment, bank, amount, context),
    );
    if (paid.failed) {
      checkout.fail('payment failed');
      checkout.log('ERROR', `order ${order} not placed: payment answered 500`, { 'order.id': order });
      return;
    }
    select(checkout, 'INSERT INTO orders (id, customer, total) VALUES ($1, $2, $3)', 4, 1);
    checkout.within(
      'send orders',
      {
        kind: 'producer',
        attributes: { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders' },
      },
      (send) => {
        send.spend(1.2);
        mail(send, order);
      },
    );
    checkout.log('INFO', `order ${order} placed`, { 'order.id': order, 'order.total': amount });
  });
  if (placed.failed) page.fail('checkout answered 500');
}

/** After the answer, from the queue. */
function mail(sent: Work, order: string): void {
  const consumer = sent.begin('mailer', 'process orders', {
    kind: 'consumer',
    attributes: { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders', 'order.id': order },
  });
  consumer.link(sent.trace.traceId, sent.spanId);
  consumer.spend(35);
  consumer.within('smtp send', { kind: 'client', attributes: { 'server.address': 'smtp.example' } }, (smtp) =>
    smtp.spend(90),
  );
  consumer.log('INFO', `confirmation of ${order} sent`, { 'order.id': order });
  consumer.end();
}

const pages = [
  ['GET', '/', 0.36, home],
  ['GET', '/product/{id}', 0.32, product],
  ['GET', '/search', 0.14, search],
  ['POST', '/cart', 0.1, addToCart],
  ['POST', '/checkout', 0.08, checkout],
] as const;

/** One visitor's request that begins at `atMs`. */
export function visit(random: Random, atMs: number, broken: boolean): Trace {
  const trace = new Trace(random);
  let left = random.next();
  const [method, route, , work] = pages.find(([, , share]) => (left -= share) < 0) ?? pages[0];
  const page = new Work(trace, 'web', `${method} ${route}`, atMs, {
    kind: 'server',
    attributes: {
      'http.request.method': method,
      'http.route': route,
      'url.path': route.replace('{id}', String(random.integer(1, 400))),
      'client.address': `203.0.113.${random.integer(1, 254)}`,
      'user_agent.original': random.pick([
        'Firefox/140.0',
        'Chrome/141.0',
        'Safari/26.1',
        'ShopApp/3.2 (Android)',
      ]),
    },
  });
  page.spend(1.5);
  work(page, { random, broken });
  page.spend(1);
  page.answer();
  page.log('INFO', `${method} ${route} ${page.failed ? 500 : 200} ${Math.round(page.elapsedMs)}ms`, {
    'http.request.method': method,
    'http.route': route,
    'http.response.status_code': page.failed ? 500 : 200,
    duration_ms: Math.round(page.elapsedMs),
  });
  return trace;
}
