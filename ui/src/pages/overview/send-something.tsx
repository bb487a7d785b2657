import { useState } from 'preact/hooks';
import { Loading } from '../../app/states';

const languages = ['Environment', 'curl', 'Collector', 'Demo'] as const;

function textFor(language: (typeof languages)[number], origin: string, keyed: boolean): string {
  const header = keyed ? `\nexport OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer <key>"` : '';
  switch (language) {
    case 'Environment':
      return `# Every OpenTelemetry SDK and agent reads these.
export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_ENDPOINT=${origin}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf${header}`;
    case 'curl':
      return `curl ${origin}/v1/logs -H 'content-type: application/json'${keyed ? " -H 'x-api-key: <key>'" : ''} -d '{
  "resourceLogs": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "hello"}}]},
    "scopeLogs": [{"logRecords": [{
      "timeUnixNano": "'$(date +%s)'000000000",
      "severityNumber": 9, "severityText": "INFO",
      "body": {"stringValue": "hello from curl"}
    }]}]
  }]
}'`;
    case 'Collector':
      return `exporters:
  otlphttp:
    endpoint: ${origin}${keyed ? '\n    headers: { authorization: "Bearer <key>" }' : ''}
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [otlphttp] }
    metrics: { receivers: [otlp], exporters: [otlphttp] }
    logs: { receivers: [otlp], exporters: [otlphttp] }`;
    case 'Demo':
      return `# A small shop with a slow query and a failing payment to find.
canardstack demo --url ${origin}
# or in a checkout:
./run demo --url ${origin}`;
  }
}

/** How to get the first record in; the page turns into data by itself when it comes. */
export function SendSomething({ keyed }: { readonly keyed: boolean }) {
  const [language, setLanguage] = useState<(typeof languages)[number]>('Environment');
  const [copied, setCopied] = useState(false);
  const text = textFor(language, window.location.origin, keyed);
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  };
  return (
    <section class="card send" aria-labelledby="send-title">
      <h1 id="send-title">Send something</h1>
      <p>
        Nothing has come in yet. Logs, traces and metrics are taken by OTLP at{' '}
        <code>{window.location.origin}</code> (HTTP), and at port 4317 by gRPC.
      </p>
      <div class="row" role="group" aria-label="How">
        {languages.map((name) => (
          <button key={name} type="button" aria-pressed={name === language} onClick={() => setLanguage(name)}>
            {name}
          </button>
        ))}
        <button type="button" onClick={copy}>
          {copied ? 'Copied' : 'Copy'}
        </button>
      </div>
      <pre tabIndex={0}>{text}</pre>
      <Loading what="Waiting for the first record" />
    </section>
  );
}
