"""Orchestrations that are stopped from outside: for a while, or for good."""

import json

import grpc

from support import SOON, Calls, Case, Status, new_id, wheel_differs


def listen(ctx, _):
    ctx.set_custom_status("waiting")
    value = yield ctx.wait_for_external_event("news")
    return value


class Suspension(Case):
    def suspended(self, **options):
        self.worker([listen])
        instance_id = self.start(listen)
        self.waits_with(instance_id, "waiting")
        self.client.suspend_orchestration(instance_id, **options)
        self.eventually(lambda: self.status_of(instance_id) == Status.SUSPENDED)
        return instance_id

    def test_a_suspended_orchestration_rests_until_it_is_resumed(self):
        instance_id = self.suspended()
        self.client.raise_orchestration_event(instance_id, "news", data=42)
        with self.assertRaises(TimeoutError):
            self.client.wait_for_orchestration_completion(instance_id, timeout=1)
        self.assertEqual(self.status_of(instance_id), Status.SUSPENDED)
        self.client.resume_orchestration(instance_id)
        self.assertEqual(self.completed(self.wait(instance_id)), 42)

    def test_a_resumed_orchestration_runs(self):
        instance_id = self.suspended(reason="lunch")
        self.client.resume_orchestration(instance_id, reason="lunch is over")
        self.eventually(lambda: self.status_of(instance_id) == Status.RUNNING)
        self.client.raise_orchestration_event(instance_id, "news", data=1)
        self.assertEqual(self.completed(self.wait(instance_id)), 1)

    def test_events_of_the_meantime_come_in_their_order(self):
        def listen_thrice(ctx, _):
            ctx.set_custom_status("waiting")
            values = []
            for _ in range(3):
                values.append((yield ctx.wait_for_external_event("n")))
            return values

        self.worker([listen_thrice])
        instance_id = self.start(listen_thrice)
        self.waits_with(instance_id, "waiting")
        self.client.suspend_orchestration(instance_id)
        self.eventually(lambda: self.status_of(instance_id) == Status.SUSPENDED)
        for n in range(3):
            self.client.raise_orchestration_event(instance_id, "n", data=n)
        self.client.resume_orchestration(instance_id)
        self.assertEqual(self.completed(self.wait(instance_id)), [0, 1, 2])

    def test_no_step_begins_while_it_is_suspended(self):
        calls = Calls()

        def note(_, _input):
            calls.add()

        def step(ctx, _):
            ctx.set_custom_status("waiting")
            yield ctx.wait_for_external_event("go")
            yield ctx.call_activity(note)
            return "stepped"

        self.worker([step], [note])
        instance_id = self.start(step)
        self.waits_with(instance_id, "waiting")
        self.client.suspend_orchestration(instance_id)
        self.eventually(lambda: self.status_of(instance_id) == Status.SUSPENDED)
        self.client.raise_orchestration_event(instance_id, "go")
        with self.assertRaises(TimeoutError):
            self.client.wait_for_orchestration_completion(instance_id, timeout=1)
        self.assertEqual(calls.count, 0)
        self.client.resume_orchestration(instance_id)
        self.assertEqual(self.completed(self.wait(instance_id)), "stepped")

    # The SDK fails an orchestration that is resumed and was not suspended: a server must not pass that on.
    @wheel_differs("it passes on a second resumption")
    def test_it_can_be_suspended_twice_and_resumed_twice(self):
        instance_id = self.suspended()
        self.client.suspend_orchestration(instance_id)
        self.assertEqual(self.status_of(instance_id), Status.SUSPENDED)
        self.client.resume_orchestration(instance_id)
        self.client.resume_orchestration(instance_id)
        self.client.raise_orchestration_event(instance_id, "news", data="both")
        self.assertEqual(self.completed(self.wait(instance_id)), "both")

    def test_a_suspended_orchestration_can_be_terminated(self):
        instance_id = self.suspended()
        self.client.terminate_orchestration(instance_id, output="enough")
        state = self.wait(instance_id)
        self.assertEqual(state.runtime_status, Status.TERMINATED)
        self.assertEqual(state.get_output(), "enough")

    def test_it_stays_usable_when_it_is_suspended_between_two_steps(self):
        def pass_on(_, value):
            return value

        def sum_up(ctx, _):
            first = yield ctx.call_activity(pass_on, input=1)
            second = yield ctx.call_activity(pass_on, input=2)
            return first + second

        self.worker([sum_up], [pass_on])
        instance_id = self.start(sum_up)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.client.suspend_orchestration(instance_id)
        self.client.resume_orchestration(instance_id)
        self.assertEqual(self.completed(self.wait(instance_id)), 3)


class Termination(Case):
    def test_it_ends_with_the_output_of_the_call(self):
        self.worker([listen])
        instance_id = self.start(listen)
        state = self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.assertEqual(state.runtime_status, Status.RUNNING)
        self.client.terminate_orchestration(instance_id, output={"reason": "not wanted any more"})
        state = self.wait(instance_id)
        self.assertEqual(state.runtime_status, Status.TERMINATED)
        self.assertEqual(state.serialized_output, json.dumps({"reason": "not wanted any more"}))
        self.assertIsNone(state.failure_details)

    def test_it_may_end_without_output(self):
        self.worker([listen])
        instance_id = self.start(listen)
        self.client.terminate_orchestration(instance_id)
        state = self.wait(instance_id)
        self.assertEqual(state.runtime_status, Status.TERMINATED)
        self.assertIsNone(state.serialized_output)

    def test_one_that_has_ended_stays_as_it_is(self):
        def done(ctx, _):
            return "done"

        self.worker([done])
        instance_id = self.start(done)
        self.wait(instance_id)
        try:
            self.client.terminate_orchestration(instance_id, output="too late")
        except grpc.RpcError:
            pass
        self.assertEqual(self.completed(self.wait(instance_id)), "done")

    @wheel_differs("one that no worker has seen cannot be terminated there")
    def test_one_that_no_worker_has_seen_can_be_terminated(self):
        instance_id = self.start("nobody_has_this")
        self.client.terminate_orchestration(instance_id, output="unseen")
        state = self.wait(instance_id)
        self.assertEqual(state.runtime_status, Status.TERMINATED)
        self.assertEqual(state.get_output(), "unseen")


class Unknown(Case):
    """Calls for instances that there are not."""

    def refused(self, call, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as refusal:
            call(new_id("nobody"), *arguments, **options)
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_suspending_is_refused(self):
        self.refused(self.client.suspend_orchestration)

    def test_resuming_is_refused(self):
        self.refused(self.client.resume_orchestration)

    def test_events_are_refused(self):
        self.refused(self.client.raise_orchestration_event, "news")

    @wheel_differs("it says nothing")
    def test_terminating_is_refused(self):
        self.refused(self.client.terminate_orchestration)
