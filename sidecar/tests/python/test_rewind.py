"""Failed orchestrations that take up again where they have failed."""

import grpc

from durabletask import task

from support import Calls, Case, Status, new_id


class Rewind(Case):
    def flaky(self, failures=1):
        """An activity that fails this many times, and then gives its input back."""
        calls = Calls()

        def flaky(_, value):
            if calls.add(value) <= failures:
                raise RuntimeError(f"failure {calls.count}")
            return value

        return flaky, calls

    def rewind(self, instance_id, **options):
        """Rewinds an instance that has failed, and gives how it has ended."""
        self.failed(self.wait(instance_id))
        self.client.rewind_orchestration(instance_id, **options)
        return self.wait(instance_id)

    def test_a_failed_activity_runs_again(self):
        flaky, calls = self.flaky()

        def order(ctx, value):
            result = yield ctx.call_activity(flaky, input=value)
            return f"got {result}"

        self.worker([order], [flaky])
        state = self.rewind(self.start(order, input="v"), reason="the supplier is back")
        self.assertEqual(self.completed(state), "got v")
        self.assertEqual(calls.count, 2)

    def test_no_reason_is_needed(self):
        flaky, _ = self.flaky()

        def order(ctx, _):
            yield ctx.call_activity(flaky)
            return "done"

        self.worker([order], [flaky])
        self.assertEqual(self.completed(self.rewind(self.start(order))), "done")

    def test_what_has_succeeded_does_not_run_again(self):
        flaky, _ = self.flaky()
        first_calls = Calls()

        def first(_, value):
            first_calls.add()
            return value

        def order(ctx, _):
            one = yield ctx.call_activity(first, input=1)
            two = yield ctx.call_activity(flaky, input=2)
            return [one, two]

        self.worker([order], [first, flaky])
        self.assertEqual(self.completed(self.rewind(self.start(order))), [1, 2])
        self.assertEqual(first_calls.count, 1)

    def test_it_goes_on_with_what_comes_after(self):
        flaky, _ = self.flaky()

        def last(_, value):
            return value + 1

        def order(ctx, _):
            value = yield ctx.call_activity(flaky, input=1)
            value = yield ctx.call_activity(last, input=value)
            value = yield ctx.call_activity(last, input=value)
            return value

        self.worker([order], [flaky, last])
        self.assertEqual(self.completed(self.rewind(self.start(order))), 3)

    def test_of_many_side_by_side_only_the_failed_run_again(self):
        seen = Calls()

        def some(_, value):
            seen.add(value)
            if value % 2 and seen.seen.count(value) == 1:
                raise RuntimeError("odd")
            return value

        def fan_out(ctx, _):
            results = yield task.when_all([ctx.call_activity(some, input=n) for n in range(4)])
            return results

        self.worker([fan_out], [some])
        instance_id = self.start(fan_out)
        self.failed(self.wait(instance_id))
        self.eventually(lambda: seen.count >= 4)
        # Those that had not ended when the first failed may run again as well.
        state = self.rewind(instance_id)
        for _ in range(3):
            if state.runtime_status != Status.COMPLETED:
                state = self.rewind(instance_id)
        self.assertEqual(self.completed(state), [0, 1, 2, 3])
        for odd in (1, 3):
            self.assertEqual(seen.seen.count(odd), 2)

    def test_it_can_be_done_twice(self):
        flaky, calls = self.flaky(failures=2)

        def order(ctx, value):
            result = yield ctx.call_activity(flaky, input=value)
            return result

        self.worker([order], [flaky])
        instance_id = self.start(order, input="v")
        self.failed(self.rewind(instance_id, reason="first"))
        self.assertEqual(self.completed(self.rewind(instance_id, reason="second")), "v")
        self.assertEqual(calls.count, 3)

    def test_a_failed_child_is_rewound_as_well(self):
        flaky, calls = self.flaky()

        def child(ctx, value):
            result = yield ctx.call_activity(flaky, input=value)
            return f"child {result}"

        def parent(ctx, child_id):
            result = yield ctx.call_sub_orchestrator(child, input="v", instance_id=child_id)
            return f"parent of {result}"

        self.worker([parent, child], [flaky])
        child_id = new_id("child")
        state = self.rewind(self.start(parent, input=child_id))
        self.assertEqual(self.completed(state), "parent of child v")
        self.assertEqual(calls.count, 2)
        self.assertEqual(self.status_of(child_id), Status.COMPLETED)

    def test_failed_grandchildren_are_rewound_as_well(self):
        flaky, calls = self.flaky()

        def leaf(ctx, _):
            result = yield ctx.call_activity(flaky, input="leaf")
            return result

        def middle(ctx, _):
            result = yield ctx.call_sub_orchestrator(leaf)
            return f"middle of {result}"

        def top(ctx, _):
            result = yield ctx.call_sub_orchestrator(middle)
            return f"top of {result}"

        self.worker([top, middle, leaf], [flaky])
        self.assertEqual(self.completed(self.rewind(self.start(top))), "top of middle of leaf")
        self.assertEqual(calls.count, 2)

    def test_children_that_have_succeeded_are_left_as_they_are(self):
        flaky, _ = self.flaky()
        runs = Calls()

        def good(ctx, _):
            if not ctx.is_replaying:
                runs.add()
            return "good"

        def bad(ctx, _):
            result = yield ctx.call_activity(flaky, input="bad")
            return result

        def parent(ctx, _):
            first = yield ctx.call_sub_orchestrator(good)
            second = yield ctx.call_sub_orchestrator(bad)
            return [first, second]

        self.worker([parent, good, bad], [flaky])
        self.assertEqual(self.completed(self.rewind(self.start(parent))), ["good", "bad"])
        self.assertEqual(runs.count, 1)


class Refusals(Case):
    def refused(self, instance_id, code):
        with self.assertRaises(grpc.RpcError) as refusal:
            self.client.rewind_orchestration(instance_id)
        self.assertEqual(refusal.exception.code(), code)
        self.assertIn(instance_id, refusal.exception.details())

    def test_of_nobody(self):
        self.refused(new_id("nobody"), grpc.StatusCode.NOT_FOUND)

    def test_of_one_that_has_completed(self):
        def done(ctx, _):
            return "done"

        self.worker([done])
        instance_id = self.start(done)
        self.wait(instance_id)
        self.refused(instance_id, grpc.StatusCode.FAILED_PRECONDITION)

    def test_of_one_that_runs(self):
        def listen(ctx, _):
            yield ctx.wait_for_external_event("news")

        self.worker([listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id)
        self.refused(instance_id, grpc.StatusCode.FAILED_PRECONDITION)
