"""Exports two spans in one request, of which one is years old. Arguments: base URL, service name. Prints the SDK's result."""

import sys
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url, service = sys.argv[1:]
exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces")
results = []
export = exporter.export
exporter.export = lambda spans: results.append(export(spans)) or results[-1]
provider = TracerProvider(resource=Resource.create({"service.name": service}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("test")
tracer.start_span("now").end()
old = time.time_ns() - 3 * 365 * 24 * 3600 * 10**9
tracer.start_span("long ago", start_time=old).end(old + 1)
provider.shutdown()
print(",".join(result.name for result in results))
