"""What inputs, outputs and events may hold, and how large they may be."""

import json

from durabletask import task
from durabletask.grpc_options import GrpcChannelOptions
from durabletask.payload.store import LargePayloadStorageOptions, PayloadStore
from durabletask import client

from support import ENDPOINT, SOON, Case, new_id

# What a server must take in one value: the SDKs store larger ones elsewhere.
LARGE = 900 * 1024


def echo(_, value):
    return value


def pass_on(ctx, value):
    result = yield ctx.call_activity(echo, input=value)
    return result


class Values(Case):
    def passes(self, value):
        """The value is the same after the way through client, orchestration and activity."""
        self.worker([pass_on], [echo])
        self.assertEqual(self.output_of(pass_on, input=value), value)

    def test_text_of_all_languages(self):
        self.passes("Grüße, 世界, שלום, \U0001f600 \u0000 \u2028 \\ \" '")

    def test_empty_text(self):
        self.passes("")

    def test_nothing(self):
        self.passes(None)

    def test_false_zero_and_empty_are_not_nothing(self):
        self.worker([pass_on], [echo])
        for value in (False, 0, [], {}, 0.5, -1, 2**53):
            with self.subTest(value=value):
                self.assertEqual(self.output_of(pass_on, input=value), value)

    def test_nested_data(self):
        self.passes({"list": [1, [2, {"three": None}]], "deep": {"a": {"b": {"c": [True, False]}}}})

    def test_the_text_of_the_json_is_kept_as_it_was_sent(self):
        def nothing(ctx, _):
            pass

        self.worker([nothing])
        state = self.run_to_end(nothing, input={"b": 1.0, "a": [1, 2.50, 1e3]})
        self.assertEqual(state.serialized_input, json.dumps({"b": 1.0, "a": [1, 2.50, 1e3]}))

    def test_large_inputs_and_outputs(self):
        self.passes("x" * LARGE)

    def test_large_text_that_is_not_ascii(self):
        self.passes("ß" * (LARGE // 6))

    def test_large_events(self):
        def listen(ctx, _):
            text = yield ctx.wait_for_external_event("text")
            return len(text)

        self.worker([listen])
        instance_id = self.start(listen)
        self.client.raise_orchestration_event(instance_id, "text", data="y" * LARGE)
        self.assertEqual(self.completed(self.wait(instance_id)), LARGE)

    def test_a_history_larger_than_one_message(self):
        # Messages of gRPC are 4 MiB at most where nobody has set another limit, as this worker has.
        def make(_, letter):
            return letter * 300_000

        def collect(ctx, _):
            total = 0
            for letter in "abcdefghijklmnopqr":
                text = yield ctx.call_activity(make, input=letter)
                total += len(text)
            return total

        limits = GrpcChannelOptions(max_receive_message_length=64 * 1024 * 1024)
        self.worker([collect], [make], channel_options=limits)
        self.assertEqual(self.output_of(collect), 18 * 300_000)

    def test_large_outputs_of_a_termination(self):
        def forever(ctx, _):
            yield ctx.wait_for_external_event("never")

        self.worker([forever])
        instance_id = self.start(forever)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.client.terminate_orchestration(instance_id, output="z" * LARGE)
        self.assertEqual(self.wait(instance_id).get_output(), "z" * LARGE)


class Drawer(PayloadStore):
    """Keeps payloads in memory: what the SDK moves out of its messages."""

    options = LargePayloadStorageOptions(threshold_bytes=1024, enable_compression=False)

    def __init__(self):
        self.kept = {}

    def upload(self, data, *, instance_id=None):
        token = new_id("drawer")
        self.kept[token] = data
        return token

    async def upload_async(self, data, *, instance_id=None):
        return self.upload(data, instance_id=instance_id)

    def download(self, token):
        return self.kept[token]

    async def download_async(self, token):
        return self.kept[token]

    def is_known_token(self, value):
        return value in self.kept


class StoredElsewhere(Case):
    """Payloads that the SDK stores itself: the server sees tokens, and passes them on as they are."""

    def setUp(self):
        super().setUp()
        self.drawer = Drawer()
        self.client.close()
        self.client = client.TaskHubGrpcClient(host_address=ENDPOINT, payload_store=self.drawer)

    def test_inputs_outputs_and_results(self):
        def collect(ctx, value):
            texts = yield task.when_all([ctx.call_activity(echo, input=value + str(n)) for n in range(3)])
            return texts

        self.worker([collect], [echo], payload_store=self.drawer)
        text = "t" * 5000
        self.assertEqual(self.output_of(collect, input=text), [text + str(n) for n in range(3)])
        self.assertGreater(len(self.drawer.kept), 3)

    def test_events(self):
        def listen(ctx, _):
            text = yield ctx.wait_for_external_event("text")
            return text

        self.worker([listen], payload_store=self.drawer)
        instance_id = self.start(listen)
        self.client.raise_orchestration_event(instance_id, "text", data="e" * 5000)
        self.assertEqual(self.completed(self.wait(instance_id)), "e" * 5000)

    def test_small_ones_stay_where_they_are(self):
        self.worker([pass_on], [echo], payload_store=self.drawer)
        self.assertEqual(self.output_of(pass_on, input="small"), "small")
        self.assertEqual(self.drawer.kept, {})
