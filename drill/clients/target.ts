import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A page of metrics to scrape. Its counters grow with each scrape; all else stays. */
export interface ScrapeTarget {
  readonly address: string;
  scrapes: number;
  close(): Promise<void>;
}

const traceId = '0af7651916cd43dd8448eb211c80319c';

function page(scrape: number): string {
  const now = Date.now() / 1000;
  return `# HELP shop_requests Requests taken, with "quotes" and a \\\\ and\\na new line.
# TYPE shop_requests counter
shop_requests_total{code="200",path="/a \\"b\\" \\\\c\\nd ü"} ${1000 + scrape} # {trace_id="${traceId}",user="u${scrape}"} 0.25 ${now.toFixed(3)}
shop_requests_created{code="200",path="/a \\"b\\" \\\\c\\nd ü"} ${(now - 3600).toFixed(3)}
shop_requests_total{code="500",path=""} ${scrape / 8}
# HELP shop_heat_celsius How warm.
# TYPE shop_heat_celsius gauge
# UNIT shop_heat_celsius celsius
shop_heat_celsius{at="nan"} NaN
shop_heat_celsius{at="inf"} +Inf
shop_heat_celsius{at="neg"} -Inf
shop_heat_celsius{at="tiny"} 5e-324
shop_heat_celsius{at="big"} 1.7976931348623157e+308
shop_heat_celsius{at="third"} 0.3333333333333333
shop_heat_celsius 0
# TYPE shop_seconds histogram
# UNIT shop_seconds seconds
shop_seconds_bucket{le="0.1"} ${scrape}
shop_seconds_bucket{le="1.0"} ${scrape * 2} # {trace_id="${traceId}"} 0.5
shop_seconds_bucket{le="+Inf"} ${scrape * 3}
shop_seconds_sum ${scrape * 1.5}
shop_seconds_count ${scrape * 3}
# TYPE shop_wait summary
shop_wait{quantile="0.5"} 0.25
shop_wait{quantile="0.99"} NaN
shop_wait_sum 12.5
shop_wait_count ${scrape}
# TYPE shop_build info
shop_build_info{version="1.2.3",service_name="own"} 1
# TYPE shop:rule:sum unknown
shop:rule:sum{service_namespace="n",key="k",with_key="v"} 7
# EOF
`;
}

/** Serves OpenMetrics on a port of 127.0.0.1. */
export async function scrapeTarget(): Promise<ScrapeTarget> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    response.end(page(++target.scrapes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target: ScrapeTarget = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    scrapes: 0,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return target;
}
