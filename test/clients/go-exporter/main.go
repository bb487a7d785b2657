// Exports spans over OTLP/HTTP with the exporter of OpenTelemetry for Go 1.16, to which only 200 is a success. Ends with 1
// when an export failed. Arguments: host:port, service name, number of batches.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	endpoint, service := os.Args[1], os.Args[2]
	batches, err := strconv.Atoi(os.Args[3])
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpoint(endpoint),
		otlptracehttp.WithInsecure(),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: time.Second, MaxElapsedTime: 5 * time.Second}),
	)
	check(err)
	// Exports at the end of each span, and hands its errors back.
	provider := trace.NewTracerProvider(
		trace.WithSpanProcessor(&direct{exporter: exporter}),
		trace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	for i := 0; i < batches; i++ {
		_, span := provider.Tracer("test").Start(ctx, fmt.Sprintf("span-%d", i))
		span.End()
	}
	check(provider.Shutdown(ctx))
}

type direct struct{ exporter trace.SpanExporter }

func (d *direct) OnStart(context.Context, trace.ReadWriteSpan) {}
func (d *direct) OnEnd(span trace.ReadOnlySpan) {
	check(d.exporter.ExportSpans(context.Background(), []trace.ReadOnlySpan{span}))
}
func (d *direct) Shutdown(ctx context.Context) error { return d.exporter.Shutdown(ctx) }
func (d *direct) ForceFlush(context.Context) error   { return nil }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
