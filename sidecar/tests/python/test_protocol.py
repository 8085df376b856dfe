"""What a worker sees on its stream of work, and what becomes of answers that are odd."""

import queue
import threading

import grpc
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf import empty_pb2, wrappers_pb2

from support import ENDPOINT, SOON, Case, Status, new_id, wheel_differs


class Stream:
    """A worker of few lines: it reads work, and answers when the test says so."""

    def __init__(self, stub, **request):
        self.items = queue.Queue()
        self.stub = stub
        self._call = stub.GetWorkItems(pb.GetWorkItemsRequest(**request))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for item in self._call:
                if not item.HasField("healthPing"):
                    self.items.put(item)
        except grpc.RpcError:
            pass

    def next(self):
        return self.items.get(timeout=SOON)

    def close(self):
        self._call.cancel()


def text(value):
    return wrappers_pb2.StringValue(value=value)


def complete(output):
    return helpers.new_complete_orchestration_action(0, pb.ORCHESTRATION_STATUS_COMPLETED, output)


def schedule(number, name):
    return helpers.new_schedule_task_action(number, name, '"in"', None)


class Raw(Case):
    def setUp(self):
        super().setUp()
        channel = grpc.insecure_channel(ENDPOINT)
        self.addCleanup(channel.close)
        self.stub = TaskHubSidecarServiceStub(channel)
        # A name that is of this test alone, so that no work of others comes.
        self.name = new_id("raw")

    def stream(self, **request):
        filters = pb.WorkItemFilters(
            orchestrations=[pb.OrchestrationFilter(name=self.name)],
            activities=[pb.ActivityFilter(name=self.name)],
            entities=[pb.EntityFilter(name=self.name)],
        )
        stream = Stream(self.stub, workItemFilters=filters, **request)
        self.addCleanup(stream.close)
        return stream

    def decide(self, item, *actions, token=True, **more):
        return self.stub.CompleteOrchestratorTask(pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId,
            actions=actions,
            completionToken=item.completionToken if token else "",
            **more,
        ))

    def act(self, item, result, token=True):
        return self.stub.CompleteActivityTask(pb.ActivityResponse(
            instanceId=item.activityRequest.orchestrationInstance.instanceId,
            taskId=item.activityRequest.taskId,
            result=text(result),
            completionToken=item.completionToken if token else "",
        ))

    def output(self, instance_id):
        return self.wait(instance_id).serialized_output


class WorkItems(Raw):
    def test_a_decision_is_asked_with_the_whole_history(self):
        stream = self.stream()
        instance_id = self.start(self.name, input=1, version="1.0")
        item = stream.next()
        request = item.orchestratorRequest
        self.assertTrue(item.completionToken)
        self.assertEqual(request.instanceId, instance_id)
        self.assertEqual(list(request.pastEvents), [])
        kinds = [event.WhichOneof("eventType") for event in request.newEvents]
        self.assertEqual(kinds, ["orchestratorStarted", "executionStarted"])
        started = request.newEvents[1].executionStarted
        self.assertEqual((started.name, started.input.value, started.version.value), (self.name, "1", "1.0"))
        self.decide(item, schedule(1, self.name))

        activity = stream.next().activityRequest
        self.assertEqual((activity.name, activity.taskId, activity.input.value), (self.name, 1, '"in"'))
        self.assertEqual(activity.orchestrationInstance.instanceId, instance_id)

    def test_what_was_new_is_past_at_the_next_decision(self):
        stream = self.stream()
        instance_id = self.start(self.name)
        self.decide(stream.next(), schedule(1, self.name))
        self.act(stream.next(), '"out"')
        item = stream.next()
        past = [event.WhichOneof("eventType") for event in item.orchestratorRequest.pastEvents]
        new = [event.WhichOneof("eventType") for event in item.orchestratorRequest.newEvents]
        self.assertEqual(past[:3], ["orchestratorStarted", "executionStarted", "taskScheduled"])
        self.assertEqual(new, ["orchestratorStarted", "taskCompleted"])
        self.assertEqual(item.orchestratorRequest.newEvents[1].taskCompleted.taskScheduledId, 1)
        self.decide(item, complete('"done"'))
        self.assertEqual(self.output(instance_id), '"done"')

    @wheel_differs("it counts no places")
    def test_no_worker_gets_more_than_it_has_places(self):
        stream = self.stream(maxConcurrentActivityWorkItems=1)
        self.start(self.name)
        self.decide(stream.next(), schedule(1, self.name), schedule(2, self.name))
        first = stream.next()
        with self.assertRaises(queue.Empty):
            stream.items.get(timeout=0.3)
        self.act(first, "1")
        kinds = {stream.next().WhichOneof("request") for _ in range(2)}
        self.assertEqual(kinds, {"activityRequest", "orchestratorRequest"})

    @wheel_differs("what a worker has not answered is lost")
    def test_work_comes_again_when_a_stream_breaks(self):
        first = self.stream()
        instance_id = self.start(self.name)
        lost = first.next()
        first.close()
        again = self.stream().next()
        self.assertEqual(again.orchestratorRequest.instanceId, lost.orchestratorRequest.instanceId)
        self.decide(again, complete("1"))
        self.assertEqual(self.output(instance_id), "1")

    def test_work_that_is_abandoned_comes_again(self):
        stream = self.stream()
        instance_id = self.start(self.name)
        self.stub.AbandonTaskOrchestratorWorkItem(
            pb.AbandonOrchestrationTaskRequest(completionToken=stream.next().completionToken))
        self.decide(stream.next(), complete("2"))
        self.assertEqual(self.output(instance_id), "2")

    @wheel_differs("an abandoned activity is lost")
    def test_an_activity_that_is_abandoned_comes_again(self):
        stream = self.stream()
        instance_id = self.start(self.name)
        self.decide(stream.next(), schedule(1, self.name))
        self.stub.AbandonTaskActivityWorkItem(
            pb.AbandonActivityTaskRequest(completionToken=stream.next().completionToken))
        self.act(stream.next(), "3")
        self.decide(stream.next(), complete("3"))
        self.assertEqual(self.output(instance_id), "3")


class Answers(Raw):
    @wheel_differs("it knows decisions by their tokens alone")
    def test_workers_that_know_no_tokens_are_understood(self):
        stream = self.stream()
        instance_id = self.start(self.name)
        self.decide(stream.next(), schedule(1, self.name), token=False)
        self.act(stream.next(), "1", token=False)
        self.decide(stream.next(), complete("1"), token=False)
        self.assertEqual(self.output(instance_id), "1")

    @wheel_differs("it takes each part for the whole")
    def test_an_answer_may_come_in_parts(self):
        stream = self.stream()
        instance_id = self.start(self.name)
        item = stream.next()
        for part in range(3):
            self.decide(
                item,
                schedule(part + 1, self.name),
                isPartial=part < 2,
                chunkIndex=wrappers_pb2.Int32Value(value=part),
            )
        self.assertEqual({stream.next().activityRequest.taskId for _ in range(3)}, {1, 2, 3})
        self.assertEqual(self.status_of(instance_id), Status.RUNNING)

    def test_a_second_answer_changes_nothing(self):
        stream = self.stream()
        instance_id = self.start(self.name)
        item = stream.next()
        self.decide(item, complete('"first"'))
        try:
            self.decide(item, complete('"second"'))
        except grpc.RpcError as refusal:
            self.assertEqual(refusal.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(self.output(instance_id), '"first"')

    def test_an_answer_to_nothing_changes_nothing(self):
        try:
            self.stub.CompleteActivityTask(
                pb.ActivityResponse(instanceId=new_id(), taskId=1, completionToken="nonsense"))
        except grpc.RpcError as refusal:
            self.assertEqual(refusal.code(), grpc.StatusCode.NOT_FOUND)

    @wheel_differs("an activity runs twice for it")
    def test_an_answer_that_makes_no_sense_fails_its_instance_alone(self):
        stream = self.stream()
        odd, sound = self.start(self.name, input="odd"), self.start(self.name, input="sound")
        for _ in range(2):
            item = stream.next()
            if item.orchestratorRequest.instanceId == odd:
                try:
                    self.decide(item, pb.OrchestratorAction(id=1))
                except grpc.RpcError as refusal:
                    self.assertEqual(refusal.code(), grpc.StatusCode.INVALID_ARGUMENT)
            else:
                self.decide(item, complete("1"))
        self.assertEqual(self.output(sound), "1")
        self.failed(self.wait(odd))


class Hubs(Raw):
    def test_a_server_says_hello(self):
        self.assertEqual(self.stub.Hello(empty_pb2.Empty()), empty_pb2.Empty())

    def test_a_hub_that_is_there_can_be_created(self):
        self.stub.CreateTaskHub(pb.CreateTaskHubRequest(recreateIfExists=False))

    @wheel_differs("it does not know the call")
    def test_instances_are_terminated_without_grace(self):
        def listen(ctx, _):
            yield ctx.wait_for_external_event("never")

        self.worker([listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        nobody = new_id("nobody")
        response = self.stub.SkipGracefulOrchestrationTerminations(pb.SkipGracefulOrchestrationTerminationsRequest(
            instanceBatch=pb.InstanceBatch(instanceIds=[instance_id, nobody]), reason=text("at once")))
        self.assertNotIn(instance_id, response.unterminatedInstanceIds)
        self.assertEqual(self.wait(instance_id).runtime_status, Status.TERMINATED)
