"""Orchestrations and the activities that they call."""

import time
import unittest
import uuid

from durabletask import task

from support import Calls, Case, Status, new_id


class Orchestrations(Case):
    def test_an_empty_one_completes_with_nothing(self):
        calls = Calls()

        def empty(ctx, _):
            calls.add()

        self.worker([empty])
        state = self.run_to_end(empty, tags={"kind": "empty"})
        self.assertIsNone(self.completed(state))
        self.assertEqual(state.name, "empty")
        self.assertIsNone(state.serialized_input)
        self.assertIsNone(state.serialized_output)
        self.assertIsNone(state.serialized_custom_status)
        self.assertGreaterEqual(calls.count, 1)

    def test_one_without_generator_returns_its_value(self):
        def double(ctx, value):
            return value * 2

        self.worker([double])
        self.assertEqual(self.output_of(double, input=21), 42)

    def test_activities_run_one_after_the_other(self):
        def increment(_, value):
            return value + 1

        def chain(ctx, value):
            seen = [value]
            for _ in range(10):
                value = yield ctx.call_activity(increment, input=value, tags={"step": "increment"})
                seen.append(value)
            return seen

        self.worker([chain], [increment])
        state = self.run_to_end(chain, input=1, tags={"kind": "chain"})
        self.assertEqual(self.completed(state), list(range(1, 12)))
        self.assertEqual(state.serialized_input, "1")

    def test_each_activity_runs_once(self):
        calls = Calls()

        def note(_, value):
            calls.add(value)

        def chain(ctx, _):
            for step in range(5):
                yield ctx.call_activity(note, input=step)

        self.worker([chain], [note])
        self.output_of(chain)
        self.assertEqual(calls.seen, [0, 1, 2, 3, 4])

    def test_a_hundred_activities_run_side_by_side(self):
        def square(_, value):
            return value * value

        def fan_out(ctx, count):
            squares = yield task.when_all([ctx.call_activity(square, input=n) for n in range(count)])
            return squares

        self.worker([fan_out], [square])
        self.assertEqual(self.output_of(fan_out, input=100), [n * n for n in range(100)])

    def test_results_stand_in_the_order_of_the_calls(self):
        def slow_first(_, value):
            time.sleep(0.3 if value == 0 else 0)
            return value

        def fan_out(ctx, _):
            results = yield task.when_all([ctx.call_activity(slow_first, input=n) for n in range(3)])
            return results

        self.worker([fan_out], [slow_first])
        self.assertEqual(self.output_of(fan_out), [0, 1, 2])

    def test_the_first_of_several_wins(self):
        def wait_for(_, seconds):
            time.sleep(seconds)
            return seconds

        def race(ctx, _):
            slow = ctx.call_activity(wait_for, input=2)
            fast = ctx.call_activity(wait_for, input=0)
            winner = yield task.when_any([slow, fast])
            return winner == fast

        self.worker([race], [wait_for])
        self.assertTrue(self.output_of(race))

    def test_an_activity_that_was_not_awaited_runs_as_well(self):
        calls = Calls()

        def note(_, _input):
            calls.add()

        def leave(ctx, _):
            ctx.call_activity(note)
            return "left"

        self.worker([leave], [note])
        self.assertEqual(self.output_of(leave), "left")
        self.eventually(lambda: calls.count == 1)

    def test_an_activity_knows_its_orchestration(self):
        def who(ctx, _):
            return [ctx.orchestration_id, ctx.task_id]

        def ask(ctx, _):
            first = yield ctx.call_activity(who)
            second = yield ctx.call_activity("who")
            return [first, second]

        self.worker([ask], [who])
        instance_id = new_id()
        first, second = self.output_of(ask, instance_id=instance_id)
        self.assertEqual([first[0], second[0]], [instance_id] * 2)
        self.assertNotEqual(first[1], second[1])

    def test_ids_and_times_are_the_same_at_replay(self):
        def nothing(_, _input):
            pass

        def ids(ctx, _):
            first, second = ctx.new_uuid(), ctx.new_uuid()
            begun = ctx.current_utc_datetime.isoformat()
            yield ctx.call_activity(nothing)
            third = ctx.new_uuid()
            yield ctx.call_activity(nothing)
            return [first, second, third, begun, ctx.current_utc_datetime.isoformat()]

        seen = Calls()

        def twice(ctx, _):
            # What one execution sees is noted at each of its turns: each must see the same.
            first = ctx.new_uuid()
            begun = ctx.current_utc_datetime
            seen.add((first, begun))
            yield ctx.call_activity(nothing)
            yield ctx.call_activity(nothing)

        self.worker([ids, twice], [nothing])
        first, second, third, begun, ended = self.output_of(ids)
        self.assertEqual(len({uuid.UUID(each) for each in (first, second, third)}), 3)
        self.assertLess(begun, ended)
        self.output_of(twice)
        self.assertGreaterEqual(seen.count, 3)
        self.assertEqual(len(set(seen.seen)), 1)

    def test_code_can_see_whether_it_is_replayed(self):
        fresh = Calls()

        def nothing(_, _input):
            pass

        def counted(ctx, _):
            for step in range(3):
                yield ctx.call_activity(nothing)
                if not ctx.is_replaying:
                    fresh.add(step)

        self.worker([counted], [nothing])
        self.output_of(counted)
        self.assertEqual(fresh.seen, [0, 1, 2])

    def test_many_at_once_do_not_mix(self):
        def increment(_, value):
            return value + 1

        def chain(ctx, value):
            for _ in range(3):
                value = yield ctx.call_activity(increment, input=value)
            return value

        self.worker([chain], [increment])
        ids = [self.start(chain, input=n * 10) for n in range(30)]
        for n, instance_id in enumerate(ids):
            self.assertEqual(self.completed(self.wait(instance_id)), n * 10 + 3)


class CustomStatus(Case):
    def test_it_is_kept_when_the_orchestration_ends(self):
        def labelled(ctx, _):
            ctx.set_custom_status("halfway")

        self.worker([labelled])
        state = self.run_to_end(labelled)
        self.assertIsNone(self.completed(state))
        self.assertEqual(state.serialized_custom_status, '"halfway"')
        self.assertEqual(state.get_custom_status(), "halfway")

    def test_it_can_be_read_while_the_orchestration_waits(self):
        def steps(ctx, _):
            ctx.set_custom_status({"step": 1, "of": 2})
            yield ctx.wait_for_external_event("next")
            ctx.set_custom_status({"step": 2, "of": 2})
            yield ctx.wait_for_external_event("next")

        self.worker([steps])
        instance_id = self.start(steps)
        self.waits_with(instance_id, {"step": 1, "of": 2})
        self.client.raise_orchestration_event(instance_id, "next")
        self.waits_with(instance_id, {"step": 2, "of": 2})
        self.client.raise_orchestration_event(instance_id, "next")
        state = self.wait(instance_id)
        self.assertEqual(state.runtime_status, Status.COMPLETED)
        self.assertEqual(state.get_custom_status(), {"step": 2, "of": 2})

    def test_it_may_be_large(self):
        text = "s" * 100_000

        def labelled(ctx, _):
            ctx.set_custom_status(text)
            yield ctx.create_timer(ctx.current_utc_datetime)

        self.worker([labelled])
        self.assertEqual(self.run_to_end(labelled).get_custom_status(), text)


if __name__ == "__main__":
    unittest.main()
