"""Timers, and events from outside and from other orchestrations."""

from datetime import timedelta

from durabletask import task

from support import Case, Status, new_id

SHORT = timedelta(milliseconds=300)


def listen_once(ctx, _):
    value = yield ctx.wait_for_external_event("news")
    return value


class Timers(Case):
    def test_one_fires_after_its_delay(self):
        def sleep(ctx, _):
            begun = ctx.current_utc_datetime
            yield ctx.create_timer(SHORT)
            return (ctx.current_utc_datetime - begun).total_seconds()

        self.worker([sleep])
        self.assertGreaterEqual(self.output_of(sleep), SHORT.total_seconds())

    def test_one_fires_at_its_time(self):
        def sleep(ctx, _):
            due = ctx.current_utc_datetime + SHORT
            yield ctx.create_timer(due)
            return ctx.current_utc_datetime >= due

        self.worker([sleep])
        self.assertTrue(self.output_of(sleep))

    def test_one_in_the_past_fires_at_once(self):
        def sleep(ctx, _):
            yield ctx.create_timer(ctx.current_utc_datetime - timedelta(days=1))
            return "awake"

        self.worker([sleep])
        self.assertEqual(self.output_of(sleep), "awake")

    def test_many_fire_in_the_order_of_their_times(self):
        def sleep(ctx, _):
            order = []
            pending = {ctx.create_timer(timedelta(milliseconds=500 * n)): n for n in (3, 1, 2)}
            while pending:
                fired = yield task.when_any(list(pending))
                order.append(pending.pop(fired))
            return order

        self.worker([sleep])
        self.assertEqual(self.output_of(sleep), [1, 2, 3])

    def test_a_long_one_is_waited_for_in_pieces(self):
        # The SDK splits timers that are longer than its longest.
        def sleep(ctx, _):
            yield ctx.create_timer(timedelta(seconds=1))
            return "awake"

        self.worker([sleep], maximum_timer_interval=SHORT)
        self.assertEqual(self.output_of(sleep), "awake")

    def test_an_orchestration_ends_although_a_timer_is_left(self):
        def leave(ctx, _):
            hour = ctx.create_timer(timedelta(hours=1))
            news = ctx.wait_for_external_event("news")
            yield task.when_any([hour, news])
            return "left"

        self.worker([leave])
        instance_id = self.start(leave)
        self.client.raise_orchestration_event(instance_id, "news")
        self.assertEqual(self.completed(self.wait(instance_id)), "left")


class Events(Case):
    def test_they_come_with_their_data(self):
        def listen(ctx, _):
            values = []
            for name in "ABC":
                values.append((yield ctx.wait_for_external_event(name)))
            return values

        self.worker([listen])
        instance_id = self.start(listen)
        for name in "ABC":
            self.client.raise_orchestration_event(instance_id, name, data=name.lower())
        self.assertEqual(self.completed(self.wait(instance_id)), ["a", "b", "c"])

    def test_they_wait_for_the_one_who_wants_them(self):
        def listen(ctx, _):
            values = []
            for name in "CBA":
                values.append((yield ctx.wait_for_external_event(name)))
            return values

        self.worker([listen])
        instance_id = self.start(listen)
        for name in "ABC":
            self.client.raise_orchestration_event(instance_id, name, data=name)
        self.assertEqual(self.completed(self.wait(instance_id)), ["C", "B", "A"])

    def test_several_of_one_name_come_in_their_order(self):
        def listen(ctx, count):
            values = []
            for _ in range(count):
                values.append((yield ctx.wait_for_external_event("n")))
            return values

        self.worker([listen])
        instance_id = self.start(listen, input=20)
        for n in range(20):
            self.client.raise_orchestration_event(instance_id, "n", data=n)
        self.assertEqual(self.completed(self.wait(instance_id)), list(range(20)))

    def test_they_are_kept_until_a_worker_comes(self):
        instance_id = self.start(listen_once)
        self.client.raise_orchestration_event(instance_id, "news", data=7)
        self.worker([listen_once])
        self.assertEqual(self.completed(self.wait(instance_id)), 7)

    def test_names_are_the_same_in_any_case(self):
        self.worker([listen_once])
        instance_id = self.start(listen_once)
        self.client.raise_orchestration_event(instance_id, "NEWS", data="loud")
        self.assertEqual(self.completed(self.wait(instance_id)), "loud")

    def test_they_may_have_no_data(self):
        self.worker([listen_once])
        instance_id = self.start(listen_once)
        self.client.raise_orchestration_event(instance_id, "news")
        self.assertIsNone(self.completed(self.wait(instance_id)))

    def test_one_that_nobody_waits_for_harms_nothing(self):
        self.worker([listen_once])
        instance_id = self.start(listen_once)
        self.client.raise_orchestration_event(instance_id, "other", data=1)
        self.client.raise_orchestration_event(instance_id, "news", data=2)
        self.assertEqual(self.completed(self.wait(instance_id)), 2)

    def test_one_for_an_orchestration_that_has_ended_harms_nothing(self):
        def nothing(ctx, _):
            return "ended"

        self.worker([nothing])
        instance_id = self.start(nothing)
        self.wait(instance_id)
        self.client.raise_orchestration_event(instance_id, "news")
        self.assertEqual(self.status_of(instance_id), Status.COMPLETED)
        self.assertEqual(self.completed(self.wait(instance_id)), "ended")

    def approve(self, raised):
        def wait_for_approval(ctx, seconds):
            approval = ctx.wait_for_external_event("approval")
            timeout = ctx.create_timer(timedelta(seconds=seconds))
            winner = yield task.when_any([approval, timeout])
            return "approved" if winner == approval else "late"

        self.worker([wait_for_approval])
        instance_id = self.start(wait_for_approval, input=60 if raised else 1)
        if raised:
            self.client.raise_orchestration_event(instance_id, "approval")
        return self.completed(self.wait(instance_id))

    def test_one_comes_before_its_timeout(self):
        self.assertEqual(self.approve(raised=True), "approved")

    def test_one_does_not_come_before_its_timeout(self):
        self.assertEqual(self.approve(raised=False), "late")

    def test_one_with_a_timeout_can_be_waited_for_again(self):
        def twice(ctx, _):
            seen = []
            for _ in range(2):
                news = ctx.wait_for_external_event("news")
                timeout = ctx.create_timer(SHORT)
                winner = yield task.when_any([news, timeout])
                if winner == timeout:
                    news.cancel()
                    seen.append("late")
                    ctx.set_custom_status("again")
                    news = ctx.wait_for_external_event("news")
                    seen.append((yield news))
                    return seen

        self.worker([twice])
        instance_id = self.start(twice)
        self.waits_with(instance_id, "again")
        self.client.raise_orchestration_event(instance_id, "news", data="good")
        self.assertEqual(self.completed(self.wait(instance_id)), ["late", "good"])


class EventsBetweenOrchestrations(Case):
    def test_one_sends_to_another(self):
        def send(ctx, target):
            ctx.send_event(target, "news", data={"from": ctx.instance_id})
            return "sent"

        self.worker([listen_once, send])
        target = self.start(listen_once)
        sender = self.start(send, input=target)
        self.assertEqual(self.completed(self.wait(target)), {"from": sender})
        self.assertEqual(self.completed(self.wait(sender)), "sent")

    def test_several_arrive_in_their_order(self):
        def send(ctx, target):
            for n in range(5):
                ctx.send_event(target, "n", data=n)
            yield ctx.create_timer(ctx.current_utc_datetime)

        def listen(ctx, _):
            values = []
            for _ in range(5):
                values.append((yield ctx.wait_for_external_event("n")))
            return values

        self.worker([listen, send])
        target = self.start(listen)
        self.start(send, input=target)
        self.assertEqual(self.completed(self.wait(target)), [0, 1, 2, 3, 4])

    def test_one_for_nobody_is_lost(self):
        def send(ctx, target):
            ctx.send_event(target, "news")
            yield ctx.create_timer(ctx.current_utc_datetime)
            return "sent"

        self.worker([send])
        nobody = new_id("nobody")
        self.assertEqual(self.output_of(send, input=nobody), "sent")
        self.assertIsNone(self.client.get_orchestration_state(nobody))
