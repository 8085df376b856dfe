"""The spans of the SDK are one tree: of the client, of orchestrations and their children, and of activities."""

from collections import Counter

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from support import Case

EXPORTER = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(EXPORTER))


def double(_, value):
    return 2 * value


def inner(ctx, value):
    value = yield ctx.call_activity(double, input=value)
    return value


def outer(ctx, value):
    value = yield ctx.call_activity(double, input=value)
    ctx.set_custom_status("waiting")
    yield ctx.wait_for_external_event("go")
    value = yield ctx.call_sub_orchestrator(inner, input=value)
    return value


class Tracing(Case):
    def setUp(self):
        super().setUp()
        EXPORTER.clear()

    def test_what_an_instance_does_is_one_tree_though_its_worker_is_another_meanwhile(self):
        first = self.worker([outer, inner], [double])
        with trace.get_tracer("test").start_as_current_span("request"):
            instance_id = self.start(outer, input=1)
        self.eventually(lambda: "waiting" in self.custom_status(instance_id))
        first.stop()
        self.worker([outer, inner], [double])
        self.client.raise_orchestration_event(instance_id, "go")
        self.assertEqual(self.completed(self.wait(instance_id)), 4)

        expected = {
            "request": None,
            "create_orchestration:outer": "request",
            "orchestration:outer": "create_orchestration:outer",
            "orchestration:inner": "orchestration:inner",
            "activity:double": "activity:double",
        }
        spans = self.eventually(lambda: self.spans_with("orchestration:outer"))
        # The event was raised outside of the request.
        spans = [span for span in spans if span.name != "orchestration_event:go"]
        self.assertEqual(len({span.context.trace_id for span in spans}), 1)
        served = [span for span in spans if span.kind == SpanKind.SERVER]
        self.assertEqual(
            Counter(span.name for span in served),
            {"orchestration:outer": 1, "orchestration:inner": 1, "activity:double": 2},
        )
        by_id = {span.context.span_id: span for span in spans}
        for span in spans:
            if span.kind in (SpanKind.SERVER, SpanKind.PRODUCER) or span.name == "request":
                parent = span.parent and by_id[span.parent.span_id].name
                self.assertEqual(parent, expected[span.name], span.name)
        callers = {span.name: by_id[span.parent.span_id].name for span in spans
                   if span.kind == SpanKind.CLIENT}
        self.assertEqual(callers["orchestration:inner"], "orchestration:outer")
        owners = Counter(by_id[span.parent.span_id].name for span in spans
                         if span.kind == SpanKind.CLIENT and span.name == "activity:double")
        self.assertEqual(owners, {"orchestration:outer": 1, "orchestration:inner": 1})

    def custom_status(self, instance_id):
        state = self.client.get_orchestration_state(instance_id)
        return state.serialized_custom_status or ""

    def spans_with(self, name):
        spans = EXPORTER.get_finished_spans()
        return spans if any(span.name == name for span in spans) else None
