import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { FastifyInstance } from 'fastify';
import { accepted, recordedTelemetry, refusedWith, StubIntake } from '../../../test/support/wire.js';
import { createHttpApp } from '../../http/index.js';
import { otlpHttp, startOtlpGrpc, type OtlpGrpcServer } from '../index.js';

const limits = {
  acceptLateSecs: 100,
  acceptFutureSecs: 10,
  maxBodyBytes: 1024 * 1024,
  maxDecodedBodyBytes: 1024 * 1024,
};

/** ExportResultCode of @opentelemetry/core. */
const [success, failed] = [0, 1];

interface ExportResult {
  readonly code: number;
}

interface SpanExporter {
  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
}

describe('exporters of the OpenTelemetry SDK', () => {
  const intake = new StubIntake();
  let app: FastifyInstance;
  let grpc: OtlpGrpcServer;
  let http = '';

  before(async () => {
    const telemetry = recordedTelemetry();
    app = await createHttpApp({
      config: { bind: '127.0.0.1:0', apiKey: undefined, adminApiKey: undefined },
      telemetry,
      ready: async () => ({ ready: true, reasons: [] }),
      ingest: [otlpHttp({ intake, config: limits, telemetry })],
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    http = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    grpc = await startOtlpGrpc({
      intake,
      config: limits,
      telemetry,
      bind: '127.0.0.1:0',
      apiKey: undefined,
    });
  });
  after(async () => {
    await app.close();
    await grpc.close(1000);
  });

  const exporters: Record<string, () => SpanExporter> = {
    'http/json': () => new JsonExporter({ url: `${http}/v1/traces` }),
    'http/protobuf': () => new ProtobufExporter({ url: `${http}/v1/traces` }),
    grpc: () => new GrpcExporter({ url: `http://${grpc.address}` }),
  };

  async function exportSpan(exporter: SpanExporter): Promise<ExportResult> {
    const span = new BasicTracerProvider().getTracer('test').startSpan('work') as unknown as ReadableSpan;
    return new Promise((resolve) => exporter.export([span], resolve));
  }

  for (const [name, create] of Object.entries(exporters)) {
    it(`${name}: an acknowledged export is a success and is sent once`, async () => {
      intake.received.length = 0;
      const exporter = create();
      intake.answer = () => accepted();
      assert.equal((await exportSpan(exporter)).code, success);
      intake.answer = () => accepted(0, 1, 'too old');
      assert.equal((await exportSpan(exporter)).code, success);
      await exporter.shutdown();
      assert.equal(intake.received.length, 2);
    });

    it(`${name}: a refused export is not lost`, async () => {
      intake.received.length = 0;
      const exporter = create();
      intake.answer = () => (intake.received.length < 2 ? refusedWith('queue_full', 1) : accepted());
      const { code } = await exportSpan(exporter);
      await exporter.shutdown();
      // The SDK for JavaScript retries over HTTP; over gRPC it leaves that to whoever gave it the spans.
      const retries = name !== 'grpc';
      assert.equal(code, retries ? success : failed);
      assert.equal(intake.received.length, retries ? 2 : 1);
    });

    it(`${name}: an invalid export is not sent again`, async () => {
      intake.received.length = 0;
      const exporter = create();
      intake.answer = () => ({ kind: 'invalid', code: 'malformed', message: 'no' });
      assert.equal((await exportSpan(exporter)).code, failed);
      await exporter.shutdown();
      assert.equal(intake.received.length, 1);
    });
  }
});
