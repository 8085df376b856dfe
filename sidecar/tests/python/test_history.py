"""What the history of an instance says."""

from datetime import timedelta

import grpc
from durabletask import history

from support import Case, new_id, wheel_differs


def echo(_, value):
    return value


class History(Case):
    def kinds(self, instance_id):
        return [type(event) for event in self.client.get_orchestration_history(instance_id)]

    def one(self, instance_id, kind):
        [event] = [each for each in self.client.get_orchestration_history(instance_id) if isinstance(each, kind)]
        return event

    def test_of_an_activity(self):
        def order(ctx, value):
            result = yield ctx.call_activity(echo, input=value)
            return [result]

        self.worker([order], [echo])
        instance_id = self.start(order, input="v", version="1.0.0", tags={"kind": "test"})
        self.wait(instance_id)
        self.assertEqual(self.kinds(instance_id), [
            history.OrchestratorStartedEvent,
            history.ExecutionStartedEvent,
            history.TaskScheduledEvent,
            history.OrchestratorCompletedEvent,
            history.OrchestratorStartedEvent,
            history.TaskCompletedEvent,
            history.OrchestratorCompletedEvent,
            history.ExecutionCompletedEvent,
        ])
        started = self.one(instance_id, history.ExecutionStartedEvent)
        self.assertEqual((started.name, started.version, started.input), ("order", "1.0.0", '"v"'))
        self.assertEqual(started.orchestration_instance.instance_id, instance_id)
        self.assertEqual(started.tags, {"kind": "test"})
        scheduled = self.one(instance_id, history.TaskScheduledEvent)
        self.assertEqual((scheduled.name, scheduled.input), ("echo", '"v"'))
        completed = self.one(instance_id, history.TaskCompletedEvent)
        self.assertEqual((completed.task_scheduled_id, completed.result), (scheduled.event_id, '"v"'))
        self.assertEqual(self.one(instance_id, history.ExecutionCompletedEvent).result, '["v"]')

    def test_times_do_not_go_back(self):
        def order(ctx, _):
            for _ in range(3):
                yield ctx.call_activity(echo)

        self.worker([order], [echo])
        instance_id = self.start(order)
        self.wait(instance_id)
        # The server of the wheel gives no time to some of its events.
        times = [event.timestamp for event in self.client.get_orchestration_history(instance_id)]
        times = [each for each in times if each.year > 1970]
        self.assertEqual(times, sorted(times))

    def test_of_a_timer_an_event_and_a_child(self):
        def child(ctx, _):
            return "grown up"

        def order(ctx, child_id):
            yield ctx.create_timer(timedelta(milliseconds=100))
            yield ctx.wait_for_external_event("news")
            yield ctx.call_sub_orchestrator(child, instance_id=child_id, input=1)

        self.worker([order, child])
        child_id = new_id("child")
        instance_id = self.start(order, input=child_id)
        self.client.raise_orchestration_event(instance_id, "news", data={"good": True})
        self.wait(instance_id)
        created = self.one(instance_id, history.TimerCreatedEvent)
        fired = self.one(instance_id, history.TimerFiredEvent)
        self.assertEqual((fired.timer_id, fired.fire_at), (created.event_id, created.fire_at))
        raised = self.one(instance_id, history.EventRaisedEvent)
        self.assertEqual((raised.name, raised.input), ("news", '{"good": true}'))
        born = self.one(instance_id, history.SubOrchestrationInstanceCreatedEvent)
        self.assertEqual((born.instance_id, born.name, born.input), (child_id, "child", "1"))
        done = self.one(instance_id, history.SubOrchestrationInstanceCompletedEvent)
        self.assertEqual((done.task_scheduled_id, done.result), (born.event_id, '"grown up"'))

    @wheel_differs("children have no parent there")
    def test_of_a_child_names_its_parent(self):
        def child(ctx, _):
            pass

        def parent(ctx, child_id):
            yield ctx.call_sub_orchestrator(child, instance_id=child_id)

        self.worker([parent, child])
        child_id = new_id("child")
        parent_id = self.start(parent, input=child_id)
        self.wait(parent_id)
        above = self.one(child_id, history.ExecutionStartedEvent).parent_instance
        self.assertEqual(above.orchestration_instance.instance_id, parent_id)
        self.assertEqual(above.name, "parent")
        born = self.one(parent_id, history.SubOrchestrationInstanceCreatedEvent)
        self.assertEqual(above.task_scheduled_id, born.event_id)

    def test_of_a_failure(self):
        def fail(_, _input):
            raise ValueError("bad")

        def order(ctx, _):
            yield ctx.call_activity(fail)

        self.worker([order], [fail])
        instance_id = self.start(order)
        self.failed(self.wait(instance_id))
        failed = self.one(instance_id, history.TaskFailedEvent)
        self.assertEqual(failed.failure_details.message, "bad")
        ended = self.one(instance_id, history.ExecutionCompletedEvent)
        self.assertIn("bad", ended.failure_details.message)

    def test_of_a_suspension_and_a_termination(self):
        def listen(ctx, _):
            ctx.set_custom_status("waiting")
            yield ctx.wait_for_external_event("news")

        self.worker([listen])
        instance_id = self.start(listen)
        self.waits_with(instance_id, "waiting")
        self.client.suspend_orchestration(instance_id, reason="lunch")
        self.eventually(lambda: history.ExecutionSuspendedEvent in self.kinds(instance_id))
        self.client.resume_orchestration(instance_id, reason="work")
        self.eventually(lambda: history.ExecutionResumedEvent in self.kinds(instance_id))
        self.client.terminate_orchestration(instance_id, output="enough")
        self.wait(instance_id)
        self.assertEqual(self.one(instance_id, history.ExecutionSuspendedEvent).input, "lunch")
        self.assertEqual(self.one(instance_id, history.ExecutionResumedEvent).input, "work")
        self.assertEqual(self.one(instance_id, history.ExecutionTerminatedEvent).input, '"enough"')

    def test_of_continue_as_new_is_that_of_the_last_round(self):
        def rounds(ctx, left):
            yield ctx.call_activity(echo, input=left)
            if left:
                ctx.continue_as_new(left - 1)

        self.worker([rounds], [echo])
        instance_id = self.start(rounds, input=2)
        self.wait(instance_id)
        self.assertEqual(self.one(instance_id, history.TaskScheduledEvent).input, "0")
        self.assertEqual(self.one(instance_id, history.ExecutionStartedEvent).input, "0")

    def test_of_a_sent_event(self):
        def listen(ctx, _):
            yield ctx.wait_for_external_event("news")

        def send(ctx, target):
            ctx.send_event(target, "news", data=1)
            yield ctx.create_timer(ctx.current_utc_datetime)

        self.worker([listen, send])
        target = self.start(listen)
        sender = self.start(send, input=target)
        self.wait(sender)
        self.wait(target)
        sent = self.one(sender, history.EventSentEvent)
        self.assertEqual((sent.instance_id, sent.name, sent.input), (target, "news", "1"))

    def test_of_a_long_orchestration_comes_whole(self):
        def order(ctx, count):
            for n in range(count):
                yield ctx.call_activity(echo, input=n)

        self.worker([order], [echo])
        instance_id = self.start(order, input=150)
        self.wait(instance_id)
        kinds = self.kinds(instance_id)
        self.assertEqual(kinds.count(history.TaskScheduledEvent), 150)
        self.assertEqual(kinds.count(history.TaskCompletedEvent), 150)

    def test_of_nobody_is_refused(self):
        with self.assertRaises(grpc.RpcError) as refusal:
            self.client.get_orchestration_history(new_id("nobody"))
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.NOT_FOUND)
