"""Starting instances, and waiting for them."""

import time
from datetime import datetime, timedelta, timezone

import grpc
from durabletask import client
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from support import ENDPOINT, SOON, Calls, Case, Status, new_id, wheel_differs

ENDED = (pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_FAILED, pb.ORCHESTRATION_STATUS_TERMINATED)


def echo(ctx, value):
    return value


def listen(ctx, _):
    value = yield ctx.wait_for_external_event("news")
    return value


def replacing(*statuses):
    return pb.OrchestrationIdReusePolicy(replaceableStatus=statuses)


class Ids(Case):
    def test_one_is_made_where_none_is_given(self):
        self.worker([echo])
        first, second = self.start(echo), self.start(echo)
        self.assertTrue(first)
        self.assertNotEqual(first, second)

    def test_the_given_one_is_taken(self):
        self.worker([echo])
        for instance_id in (new_id(), new_id("with spaces and / and ä"), new_id("A.b:c-d_e")):
            with self.subTest(instance_id):
                self.assertEqual(self.start(echo, instance_id=instance_id), instance_id)
                self.assertEqual(self.wait(instance_id).instance_id, instance_id)

    def test_one_that_is_taken_is_refused(self):
        self.worker([listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        with self.assertRaises(grpc.RpcError) as refusal:
            self.start(listen, instance_id=instance_id)
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
        self.assertIn(instance_id, refusal.exception.details())

    def test_one_of_an_instance_that_has_ended_is_replaced_where_the_policy_says_so(self):
        self.worker([echo])
        instance_id = new_id()
        self.assertEqual(self.output_of(echo, instance_id=instance_id, input=1), 1)
        self.start(echo, instance_id=instance_id, input=2, reuse_id_policy=replacing(*ENDED))
        self.eventually(lambda: self.client.get_orchestration_state(instance_id).serialized_output == "2")

    def test_one_of_an_instance_with_another_status_is_refused(self):
        self.worker([echo, listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        with self.assertRaises(grpc.RpcError) as refusal:
            self.start(echo, instance_id=instance_id, reuse_id_policy=replacing(*ENDED))
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.ALREADY_EXISTS)

    def test_one_of_a_running_instance_is_replaced_where_the_policy_says_so(self):
        self.worker([echo, listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        policy = replacing(pb.ORCHESTRATION_STATUS_RUNNING, pb.ORCHESTRATION_STATUS_PENDING)
        self.start(echo, instance_id=instance_id, input="new", reuse_id_policy=policy)
        self.eventually(lambda: self.client.get_orchestration_state(instance_id).serialized_output == '"new"')
        self.assertEqual(self.wait(instance_id).name, "echo")


class Starts(Case):
    @wheel_differs("it starts at once whatever the time")
    def test_one_can_be_scheduled_for_later(self):
        runs = Calls()

        def note(ctx, _):
            runs.add(time.time())

        self.worker([note])
        due = datetime.now(timezone.utc) + timedelta(seconds=1.5)
        instance_id = self.start(note, start_at=due)
        self.assertEqual(self.status_of(instance_id), Status.PENDING)
        self.assertIsNone(self.completed(self.wait(instance_id)))
        self.assertGreaterEqual(runs.seen[0], due.timestamp() - 0.01)

    @wheel_differs("one that is scheduled starts at once there")
    def test_one_for_later_can_be_terminated_before(self):
        self.worker([echo])
        instance_id = self.start(echo, start_at=datetime.now(timezone.utc) + timedelta(hours=1))
        self.client.terminate_orchestration(instance_id, output="cancelled")
        state = self.wait(instance_id)
        self.assertEqual(state.runtime_status, Status.TERMINATED)
        self.assertEqual(state.get_output(), "cancelled")

    def test_one_in_the_past_starts_at_once(self):
        self.worker([echo])
        past = datetime.now(timezone.utc) - timedelta(days=1)
        self.assertEqual(self.output_of(echo, input="v", start_at=past), "v")

    def test_the_version_of_the_start_is_seen(self):
        def version(ctx, _):
            return ctx.version

        self.worker([version])
        self.assertEqual(self.output_of(version, version="3.1.4"), "3.1.4")
        self.assertIsNone(self.output_of(version))

    def test_the_version_of_the_client_is_the_default(self):
        def version(ctx, _):
            return ctx.version

        self.worker([version])
        with client.TaskHubGrpcClient(host_address=ENDPOINT, default_version="1.2.3") as versioned:
            instance_id = versioned.schedule_new_orchestration(version)
            self.assertEqual(self.completed(self.wait(instance_id)), "1.2.3")

    def test_tags_may_be_of_any_text(self):
        self.worker([echo])
        self.assertEqual(self.output_of(echo, input=1, tags={"größe": "ß=1;2", "empty": ""}), 1)


class Waiting(Case):
    def test_for_the_start(self):
        self.worker([listen])
        instance_id = self.start(listen, input="given")
        state = self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.assertEqual(state.runtime_status, Status.RUNNING)
        self.assertEqual(state.name, "listen")
        self.assertIsNone(state.serialized_input)
        state = self.client.wait_for_orchestration_start(instance_id, timeout=SOON, fetch_payloads=True)
        self.assertEqual(state.serialized_input, '"given"')

    def test_for_the_start_of_one_that_has_ended(self):
        self.worker([echo])
        instance_id = self.start(echo)
        self.wait(instance_id)
        state = self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.assertEqual(state.runtime_status, Status.COMPLETED)

    def test_for_a_start_that_does_not_come(self):
        instance_id = self.start("nobody_has_this")
        with self.assertRaises(TimeoutError):
            self.client.wait_for_orchestration_start(instance_id, timeout=0.5)

    def test_for_an_end_that_does_not_come(self):
        self.worker([listen])
        instance_id = self.start(listen)
        with self.assertRaises(TimeoutError):
            self.client.wait_for_orchestration_completion(instance_id, timeout=0.5)

    def test_for_the_end_without_payloads(self):
        self.worker([echo])
        instance_id = self.start(echo, input="large")
        state = self.client.wait_for_orchestration_completion(instance_id, timeout=SOON, fetch_payloads=False)
        self.assertEqual(state.runtime_status, Status.COMPLETED)
        self.assertIsNone(state.serialized_input)
        self.assertIsNone(state.serialized_output)

    def begin_to_wait(self, instance_id, **options):
        """Waits without taking the thread. The client of the SDK would take it."""
        channel = grpc.insecure_channel(ENDPOINT)
        self.addCleanup(channel.close)
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        return TaskHubSidecarServiceStub(channel).WaitForInstanceCompletion.future(request, **options)

    def test_several_wait_for_one(self):
        self.worker([listen])
        instance_id = self.start(listen)
        waiting = [self.begin_to_wait(instance_id, timeout=SOON) for _ in range(3)]
        self.client.raise_orchestration_event(instance_id, "news", data=5)
        for each in waiting:
            self.assertEqual(each.result().orchestrationState.output.value, "5")

    @wheel_differs("it fails where a call has no deadline")
    def test_without_a_deadline(self):
        self.worker([listen])
        instance_id = self.start(listen)
        waiting = self.begin_to_wait(instance_id)
        self.client.raise_orchestration_event(instance_id, "news")
        state = waiting.result(timeout=SOON).orchestrationState
        self.assertEqual(state.orchestrationStatus, pb.ORCHESTRATION_STATUS_COMPLETED)


class State(Case):
    def test_with_payloads(self):
        self.worker([echo])
        before = datetime.utcnow()
        instance_id = self.start(echo, input={"a": 1})
        self.wait(instance_id)
        state = self.client.get_orchestration_state(instance_id)
        self.assertEqual((state.name, state.instance_id), ("echo", instance_id))
        self.assertEqual((state.get_input(), state.get_output()), ({"a": 1}, {"a": 1}))
        self.assertLess(abs(state.created_at - before), timedelta(seconds=SOON))
        self.assertLessEqual(state.created_at, state.last_updated_at)

    def test_without_payloads(self):
        self.worker([echo])
        instance_id = self.start(echo, input={"a": 1})
        self.wait(instance_id)
        state = self.client.get_orchestration_state(instance_id, fetch_payloads=False)
        self.assertEqual(state.runtime_status, Status.COMPLETED)
        self.assertIsNone(state.serialized_input)
        self.assertIsNone(state.serialized_output)

    def test_of_one_that_no_worker_has_seen(self):
        instance_id = self.start("nobody_has_this", input=1)
        state = self.client.get_orchestration_state(instance_id)
        self.assertEqual(state.runtime_status, Status.PENDING)
        self.assertEqual(state.name, "nobody_has_this")
        self.assertEqual(state.get_input(), 1)

    def test_of_nobody(self):
        self.assertIsNone(self.client.get_orchestration_state(new_id("nobody")))
