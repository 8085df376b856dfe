"""What is tried again, and what a failure says of itself."""

from datetime import timedelta

from durabletask import task
from durabletask.worker import VersioningOptions, VersionFailureStrategy, VersionMatchStrategy

from support import Calls, Case, Status, wheel_differs

QUICK = timedelta(milliseconds=100)


def policy(attempts, first=QUICK, **more):
    return task.RetryPolicy(first_retry_interval=first, max_number_of_attempts=attempts, **more)


class Retries(Case):
    def flaky(self, failures):
        """An activity that fails this many times, and the calls of it."""
        calls = Calls()

        def flaky(_, value):
            if calls.add(value) <= failures:
                raise RuntimeError("not yet")
            return value

        return flaky, calls

    def test_an_activity_is_tried_until_it_succeeds(self):
        flaky, calls = self.flaky(2)

        def patient(ctx, value):
            result = yield ctx.call_activity(flaky, input=value, retry_policy=policy(5))
            return result

        self.worker([patient], [flaky])
        self.assertEqual(self.output_of(patient, input="v"), "v")
        self.assertEqual(calls.seen, ["v"] * 3)

    def test_an_activity_fails_when_it_has_been_tried_often_enough(self):
        flaky, calls = self.flaky(100)

        def patient(ctx, _):
            yield ctx.call_activity(flaky, retry_policy=policy(3))

        self.worker([patient], [flaky])
        details = self.failed(self.run_to_end(patient))
        self.assertIn("not yet", details.message)
        self.assertEqual(calls.count, 3)

    def test_the_pauses_grow_up_to_the_longest(self):
        flaky, calls = self.flaky(3)

        def patient(ctx, _):
            begun = ctx.current_utc_datetime
            yield ctx.call_activity(
                flaky,
                retry_policy=policy(9, backoff_coefficient=3.0, max_retry_interval=timedelta(milliseconds=400)),
            )
            return (ctx.current_utc_datetime - begun).total_seconds()

        self.worker([patient], [flaky])
        # 100, 300 and 400 ms.
        self.assertGreaterEqual(self.output_of(patient), 0.8)
        self.assertEqual(calls.count, 4)

    def test_no_attempt_begins_after_the_timeout(self):
        flaky, calls = self.flaky(100)

        def patient(ctx, _):
            # Attempts at 0, 0.5 and 1.5 s. The next would be at 3.5 s.
            yield ctx.call_activity(
                flaky,
                retry_policy=policy(
                    9,
                    first=timedelta(milliseconds=500),
                    backoff_coefficient=2,
                    retry_timeout=timedelta(seconds=3),
                ),
            )

        self.worker([patient], [flaky])
        self.failed(self.run_to_end(patient))
        self.assertIn(calls.count, (2, 3))

    def test_children_and_their_activities_are_tried_again(self):
        attempts, children = Calls(), Calls()

        def fail(_, _input):
            attempts.add()
            raise RuntimeError("never")

        def child(ctx, _):
            if not ctx.is_replaying:
                children.add()
            yield ctx.call_activity(fail, retry_policy=policy(3))

        def parent(ctx, _):
            yield ctx.call_sub_orchestrator(child, retry_policy=policy(3))

        self.worker([parent, child], [fail])
        details = self.failed(self.run_to_end(parent))
        self.assertEqual(details.error_type.rsplit(".")[-1], "TaskFailedError")
        self.assertTrue(details.message.startswith("Sub-orchestration task #1 failed:"), details.message)
        self.assertTrue(details.message.endswith("Activity task #1 failed: never"), details.message)
        self.assertIsNotNone(details.stack_trace)
        self.assertEqual(children.count, 3)
        self.assertEqual(attempts.count, 9)

    def test_many_are_tried_again_side_by_side(self):
        calls = Calls()

        def odd_first(_, value):
            if calls.seen.count(value) < 1:
                calls.add(value)
                raise RuntimeError("first time")
            return value

        def fan_out(ctx, _):
            results = yield task.when_all(
                [ctx.call_activity(odd_first, input=n, retry_policy=policy(3)) for n in range(10)]
            )
            return results

        self.worker([fan_out], [odd_first])
        self.assertEqual(self.output_of(fan_out), list(range(10)))


class Failures(Case):
    def test_an_orchestration_handles_a_failed_activity(self):
        undone = Calls()

        def fail(_, _input):
            raise RuntimeError("out of stock")

        def undo(_, _input):
            undone.add()

        def order(ctx, _):
            try:
                yield ctx.call_activity(fail)
            except task.TaskFailedError as error:
                yield ctx.call_activity(undo)
                yield ctx.call_activity(undo)
                return error.details.message

        self.worker([order], [fail, undo])
        self.assertEqual(self.output_of(order), "out of stock")
        self.assertEqual(undone.count, 2)

    def test_an_exception_fails_the_orchestration(self):
        def fail(ctx, _):
            raise ValueError("bad order")

        self.worker([fail])
        state = self.run_to_end(fail)
        details = self.failed(state)
        self.assertEqual(details.message, "bad order")
        self.assertTrue(details.is_caused_by(ValueError), details.error_type)
        self.assertIn("bad order", details.stack_trace)
        self.assertIsNone(state.serialized_output)

    def test_the_failure_of_an_activity_is_inside_that_of_the_orchestration(self):
        def fail(_, _input):
            raise KeyError("missing")

        def order(ctx, _):
            yield ctx.call_activity(fail)

        self.worker([order], [fail])
        details = self.failed(self.run_to_end(order))
        self.assertIsNotNone(details.inner_failure)
        self.assertTrue(details.inner_failure.is_caused_by(KeyError), details.inner_failure)
        self.assertIn("missing", details.inner_failure.message)

    def test_causes_stay_in_their_order(self):
        def fail(_, _input):
            try:
                raise OSError("disk")
            except OSError as cause:
                raise RuntimeError("save") from cause

        def order(ctx, _):
            try:
                yield ctx.call_activity(fail)
            except task.TaskFailedError as error:
                inner = error.details.inner_failure
                return [error.details.message, inner and inner.message]

        self.worker([order], [fail])
        outer, inner = self.output_of(order)
        self.assertEqual(outer, "save")
        self.assertIn(inner, ("disk", None))

    def test_one_of_many_failed_activities_fails_all(self):
        def some(_, value):
            if value == 3:
                raise RuntimeError("three")
            return value

        def fan_out(ctx, _):
            yield task.when_all([ctx.call_activity(some, input=n) for n in range(5)])

        self.worker([fan_out], [some])
        self.assertIn("three", self.failed(self.run_to_end(fan_out)).message)

    def test_an_orchestration_that_no_worker_has_fails(self):
        self.worker([])
        details = self.failed(self.run_to_end("unheard_of"))
        self.assertIn("unheard_of", details.message)
        self.assertTrue(details.is_caused_by("OrchestratorNotRegisteredError"), details.error_type)

    def test_an_activity_that_no_worker_has_fails(self):
        def order(ctx, _):
            yield ctx.call_activity("unheard_of")

        self.worker([order])
        details = self.failed(self.run_to_end(order))
        self.assertIn("unheard_of", details.message)

    def test_an_output_that_is_not_json_fails_the_orchestration(self):
        def secret(ctx, _):
            return object()

        self.worker([secret])
        self.failed(self.run_to_end(secret))

    def test_code_that_decides_otherwise_at_replay_fails(self):
        turns = Calls()

        def nothing(_, _input):
            pass

        def fickle(ctx, _):
            if turns.add() == 1:
                yield ctx.call_activity(nothing)
            else:
                yield ctx.create_timer(timedelta(seconds=1))

        self.worker([fickle], [nothing])
        details = self.failed(self.run_to_end(fickle))
        self.assertTrue(details.is_caused_by("NonDeterminismError"), details.error_type)

    def test_code_that_calls_another_activity_at_replay_fails(self):
        turns = Calls()

        def one(_, _input):
            pass

        def fickle(ctx, _):
            yield ctx.call_activity("one" if turns.add() == 1 else "two")

        self.worker([fickle], [one])
        details = self.failed(self.run_to_end(fickle))
        self.assertTrue(details.is_caused_by("NonDeterminismError"), details.error_type)

    @wheel_differs("it passes on the message of a failed child only")
    def test_the_failure_of_a_grandchild_is_seen_at_the_top(self):
        def fail(_, _input):
            raise ZeroDivisionError("by zero")

        def leaf(ctx, _):
            yield ctx.call_activity(fail)

        def middle(ctx, _):
            yield ctx.call_sub_orchestrator(leaf)

        def top(ctx, _):
            yield ctx.call_sub_orchestrator(middle)

        self.worker([top, middle, leaf], [fail])
        details = self.failed(self.run_to_end(top))
        depth = 0
        while details.inner_failure is not None:
            details, depth = details.inner_failure, depth + 1
        self.assertTrue(details.is_caused_by(ZeroDivisionError), details)
        self.assertGreaterEqual(depth, 3)

    def test_a_failure_that_is_final_says_so(self):
        # The SDK has one such failure of its own: that of a version which no worker may run.
        def versioned(ctx, _):
            return "ran"

        self.worker([versioned], prepare=lambda new: new.use_versioning(VersioningOptions(
            version="1.0.0",
            match_strategy=VersionMatchStrategy.STRICT,
            failure_strategy=VersionFailureStrategy.FAIL,
        )))
        state = self.run_to_end(versioned, version="2.0.0")
        self.assertEqual(state.runtime_status, Status.FAILED)
        self.assertEqual(self.failed(state).error_type, "VersionMismatch")
