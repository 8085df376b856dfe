"""Orchestrations that begin again with a new input."""

from datetime import timedelta

from support import Calls, Case, Status, wheel_differs


class ContinueAsNew(Case):
    def test_the_last_round_gives_the_output(self):
        def countdown(ctx, left):
            yield ctx.create_timer(ctx.current_utc_datetime)
            if left == 0:
                return "done"
            ctx.continue_as_new(left - 1)

        self.worker([countdown])
        state = self.run_to_end(countdown, input=5)
        self.assertEqual(self.completed(state), "done")
        self.assertEqual(state.serialized_input, "0")

    def test_rounds_without_any_step(self):
        def countdown(ctx, left):
            if left == 0:
                return "done"
            ctx.continue_as_new(left - 1)

        self.worker([countdown])
        self.assertEqual(self.output_of(countdown, input=20), "done")

    def test_events_are_kept_for_the_next_round(self):
        def collect(ctx, seen):
            value = yield ctx.wait_for_external_event("value")
            seen = seen + [value]
            if len(seen) == 5:
                return seen
            ctx.continue_as_new(seen, save_events=True)

        instance_id = self.start(collect, input=[-1])
        for n in range(5):
            self.client.raise_orchestration_event(instance_id, "value", data=n)
        self.worker([collect])
        self.assertEqual(self.completed(self.wait(instance_id)), [-1, 0, 1, 2, 3])

    def test_kept_events_stay_in_their_order(self):
        results = Calls()

        def collect(ctx, largest):
            value = yield ctx.wait_for_external_event("value")
            if not ctx.is_replaying:
                results.add(value)
            if len(results.seen) < 5:
                ctx.continue_as_new(max(largest, value), save_events=True)
            else:
                return results.seen

        self.worker([collect])
        instance_id = self.start(collect, input=0)
        for n in range(1, 6):
            self.client.raise_orchestration_event(instance_id, "value", data=n)
        state = self.wait(instance_id)
        self.assertEqual(self.completed(state), [1, 2, 3, 4, 5])
        self.assertEqual(state.serialized_input, "4")

    def test_events_are_dropped_where_they_are_not_kept(self):
        def second_round(ctx, round):
            if round == 1:
                yield ctx.wait_for_external_event("begin")
                ctx.continue_as_new(2, save_events=False)
                return
            ctx.set_custom_status("second")
            value = yield ctx.wait_for_external_event("value")
            return value

        instance_id = self.start(second_round, input=1)
        self.client.raise_orchestration_event(instance_id, "value", data="of the first round")
        self.client.raise_orchestration_event(instance_id, "begin")
        self.worker([second_round])
        self.waits_with(instance_id, "second")
        self.client.raise_orchestration_event(instance_id, "value", data="of the second")
        self.assertEqual(self.completed(self.wait(instance_id)), "of the second")

    def test_activities_run_in_each_round(self):
        calls = Calls()

        def note(_, value):
            calls.add(value)
            return value

        def rounds(ctx, left):
            yield ctx.call_activity(note, input=left)
            if left:
                ctx.continue_as_new(left - 1)
            else:
                return "done"

        self.worker([rounds], [note])
        self.assertEqual(self.output_of(rounds, input=3), "done")
        self.assertEqual(calls.seen, [3, 2, 1, 0])

    @wheel_differs("a timer of the last round fires in the next")
    def test_a_timer_of_the_last_round_wakes_nobody(self):
        def rounds(ctx, round):
            if round == 1:
                ctx.create_timer(timedelta(milliseconds=100))
                yield ctx.create_timer(ctx.current_utc_datetime)
                ctx.continue_as_new(2)
                return
            begun = ctx.current_utc_datetime
            yield ctx.create_timer(timedelta(milliseconds=600))
            return (ctx.current_utc_datetime - begun).total_seconds()

        self.worker([rounds])
        self.assertGreaterEqual(self.output_of(rounds, input=1), 0.6)

    def test_a_round_may_have_another_version(self):
        def rounds(ctx, left):
            if left:
                ctx.continue_as_new(left - 1, new_version="2.0.0")
            else:
                return ctx.version

        self.worker([rounds])
        self.assertEqual(self.output_of(rounds, input=1, version="1.0.0"), "2.0.0")

    @wheel_differs("a child that continues as new has no parent there")
    def test_a_child_continues_as_new_and_its_parent_waits(self):
        def child(ctx, left):
            yield ctx.create_timer(ctx.current_utc_datetime)
            if left:
                ctx.continue_as_new(left - 1)
            else:
                return ctx.parent_instance_id

        def parent(ctx, _):
            result = yield ctx.call_sub_orchestrator(child, input=3)
            return result == ctx.instance_id

        self.worker([parent, child])
        self.assertTrue(self.output_of(parent))

    def test_one_that_goes_on_for_ever_can_be_terminated(self):
        def forever(ctx, round):
            yield ctx.create_timer(timedelta(milliseconds=50))
            ctx.continue_as_new(round + 1)

        self.worker([forever])
        instance_id = self.start(forever, input=0)

        def third_round():
            state = self.client.get_orchestration_state(instance_id)
            return state.serialized_input is not None and int(state.serialized_input) >= 3

        self.eventually(third_round)
        self.client.terminate_orchestration(instance_id)
        self.assertEqual(self.wait(instance_id).runtime_status, Status.TERMINATED)
