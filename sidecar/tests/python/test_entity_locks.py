"""Entities that an orchestration locks, failures of entities, and signals for later."""

import time
from datetime import datetime, timedelta, timezone

from durabletask import entities, task

from support import Calls, Case, Status, new_id, wheel_differs
from test_entities import Account, EntityCase, counter


def account(key):
    return entities.EntityInstanceId("Account", key)


class Locks(EntityCase):
    def test_a_locked_entity_is_called_and_free_afterwards(self):
        def use(ctx, key):
            with (yield ctx.lock_entities([account(key)])):
                total = yield ctx.call_entity(account(key), "add", input=1)
            return total

        self.worker([use], entities=[Account])
        key = new_id()
        self.assertEqual(self.output_of(use, input=key), 1)
        self.assertEqual(self.output_of(use, input=key), 2)

    def test_nobody_comes_between_those_who_hold_a_lock(self):
        def transfer(ctx, keys):
            source, target = map(account, keys)
            with (yield ctx.lock_entities([source, target])):
                balance = yield ctx.call_entity(source, "get")
                yield ctx.call_entity(source, "add", input=-1)
                yield ctx.call_entity(target, "add", input=1)
                after = yield ctx.call_entity(source, "get")
            return balance - after

        self.worker([transfer], entities=[Account])
        first, second = new_id("a"), new_id("b")
        # In both orders: a server that locks in the order of the arguments alone would wait for ever.
        ids = [self.start(transfer, input=[first, second] if n % 2 else [second, first]) for n in range(10)]
        for instance_id in ids:
            self.assertEqual(self.completed(self.wait(instance_id)), 1)
        self.assertEqual(self.state_of(account(first)), 0)
        self.assertEqual(self.state_of(account(second)), 0)

    @wheel_differs("its locks do not hold back signals")
    def test_signals_wait_until_the_lock_is_gone(self):
        def hold(ctx, key):
            with (yield ctx.lock_entities([account(key)])):
                ctx.set_custom_status("locked")
                yield ctx.wait_for_external_event("go on")
                balance = yield ctx.call_entity(account(key), "get")
            return balance

        self.worker([hold], entities=[Account])
        key = new_id()
        instance_id = self.start(hold, input=key)
        self.waits_with(instance_id, "locked")
        self.client.signal_entity(account(key), "add", input=5)
        self.client.raise_orchestration_event(instance_id, "go on")
        self.assertEqual(self.completed(self.wait(instance_id)), 0)
        self.comes_to(account(key), 5)

    def test_a_locked_entity_cannot_be_signalled_nor_called_twice_at_once(self):
        def use(ctx, key):
            refused = 0
            with (yield ctx.lock_entities([account(key)])):
                try:
                    ctx.signal_entity(account(key), "add", input=1)
                except Exception:
                    refused += 1
                pending = ctx.call_entity(account(key), "add", input=1)
                try:
                    ctx.call_entity(account(key), "add", input=1)
                except Exception:
                    refused += 1
                yield pending
            return refused

        self.worker([use], entities=[Account])
        self.assertEqual(self.output_of(use, input=new_id()), 2)

    def test_a_lock_goes_when_the_orchestration_fails(self):
        calls = Calls()

        def note(ctx, _):
            calls.add()

        def use(ctx, key):
            entity_id = entities.EntityInstanceId("note", key)
            with (yield ctx.lock_entities([entity_id])):
                yield ctx.call_entity(entity_id, "note")
                raise RuntimeError("inside the lock")

        self.worker([use], entities=[note])
        key = new_id()
        for _ in range(2):
            self.failed(self.run_to_end(use, input=key))
        self.assertEqual(calls.count, 2)

    def test_a_lock_goes_when_the_orchestration_ends_inside_it(self):
        def use(ctx, key):
            yield ctx.lock_entities([account(key)])
            total = yield ctx.call_entity(account(key), "add", input=1)
            return total

        self.worker([use], entities=[Account])
        key = new_id()
        self.assertEqual(self.output_of(use, input=key), 1)
        self.assertEqual(self.output_of(use, input=key), 2)

    def test_a_lock_goes_when_the_orchestration_is_terminated(self):
        def hold(ctx, key):
            with (yield ctx.lock_entities([account(key)])):
                ctx.set_custom_status("locked")
                yield ctx.wait_for_external_event("never")

        self.worker([hold], entities=[Account])
        key = new_id()
        instance_id = self.start(hold, input=key)
        self.waits_with(instance_id, "locked")
        self.client.terminate_orchestration(instance_id)
        self.assertEqual(self.wait(instance_id).runtime_status, Status.TERMINATED)
        self.client.clean_entity_storage()
        self.client.signal_entity(account(key), "add", input=1)
        self.comes_to(account(key), 1)


class Failing(entities.DurableEntity):
    def fail(self, _=None):
        self.set_state("of the failed operation")
        self.signal_entity(entities.EntityInstanceId("Account", self.entity_context.entity_id.key), "add", 1)
        raise ValueError("not this way")

    def set(self, value):
        self.set_state(value)


def refusing(ctx, _):
    raise ValueError("not this way")


class Failures(EntityCase):
    def calling(self, name, handled):
        def use(ctx, key):
            try:
                yield ctx.call_entity(entities.EntityInstanceId(name, key), "fail")
            except task.TaskFailedError as error:
                if not handled:
                    raise
                return error.details.message

        self.worker([use], entities=[Failing, refusing])
        return self.run_to_end(use, input=new_id())

    def test_one_of_a_class_fails_the_orchestration(self):
        details = self.failed(self.calling("Failing", handled=False))
        self.assertEqual(details.error_type.rsplit(".")[-1], "TaskFailedError")
        self.assertIn("not this way", details.message)

    def test_one_of_a_function_fails_the_orchestration(self):
        details = self.failed(self.calling("refusing", handled=False))
        self.assertIn("not this way", details.message)

    def test_one_of_a_class_can_be_handled(self):
        self.assertIn("not this way", self.completed(self.calling("Failing", handled=True)))

    def test_one_of_a_function_can_be_handled(self):
        self.assertIn("not this way", self.completed(self.calling("refusing", handled=True)))

    def test_a_failed_operation_leaves_no_trace(self):
        def use(ctx, key):
            entity_id = entities.EntityInstanceId("Failing", key)
            yield ctx.call_entity(entity_id, "set", input="before")
            try:
                yield ctx.call_entity(entity_id, "fail")
            except task.TaskFailedError:
                pass
            balance = yield ctx.call_entity(account(key), "get")
            return balance

        self.worker([use], entities=[Failing, Account])
        key = new_id()
        self.assertEqual(self.output_of(use, input=key), 0)
        self.assertEqual(self.state_of(entities.EntityInstanceId("Failing", key)), "before")

    def test_a_failed_signal_does_not_stop_those_after_it(self):
        self.worker(entities=[Failing, Account])
        entity_id = self.entity("Failing")
        self.client.signal_entity(entity_id, "fail")
        self.client.signal_entity(entity_id, "set", input="after")
        self.comes_to(entity_id, "after")

    def test_a_failure_inside_a_lock_frees_the_entity(self):
        def use(ctx, key):
            entity_id, failures = entities.EntityInstanceId("refusing", key), 0
            with (yield ctx.lock_entities([entity_id])):
                try:
                    yield ctx.call_entity(entity_id, "fail")
                except task.TaskFailedError:
                    failures += 1
            try:
                yield ctx.call_entity(entity_id, "fail")
            except task.TaskFailedError:
                failures += 1
            return failures

        self.worker([use], entities=[refusing])
        self.assertEqual(self.output_of(use, input=new_id()), 2)

    def test_an_operation_that_there_is_not_fails(self):
        def use(ctx, key):
            try:
                yield ctx.call_entity(account(key), "unheard_of")
            except task.TaskFailedError as error:
                return error.details.message

        self.worker([use], entities=[Account])
        self.assertIn("unheard_of", self.output_of(use, input=new_id()))


class SignalsForLater(Case):
    def setUp(self):
        super().setUp()
        self.pings = pings = Calls()

        def pinged(ctx, _):
            pings.add(time.time())

        def remind(ctx, key):
            ctx.signal_entity(
                entities.EntityInstanceId("pinged", key),
                "ping",
                signal_time=ctx.current_utc_datetime + timedelta(seconds=1),
            )

        def snooze(ctx, key):
            ctx.signal_entity(
                entities.EntityInstanceId("pinged", key),
                "ping",
                signal_time=datetime.now(timezone.utc) + timedelta(seconds=1),
            )

        self.remind = remind
        self.worker([remind], entities=[pinged, snooze])

    def comes_late(self, sent):
        self.assertEqual(self.pings.count, 0)
        self.eventually(lambda: self.pings.count)
        self.assertGreaterEqual(self.pings.seen[0] - sent, 0.9)

    def test_of_a_client(self):
        sent = time.time()
        self.client.signal_entity(
            entities.EntityInstanceId("pinged", new_id()),
            "ping",
            signal_time=datetime.now(timezone.utc) + timedelta(seconds=1),
        )
        self.comes_late(sent)

    def test_of_an_orchestration(self):
        sent = time.time()
        self.output_of(self.remind, input=new_id())
        self.comes_late(sent)

    def test_of_an_entity(self):
        sent = time.time()
        self.client.signal_entity(entities.EntityInstanceId("snooze", new_id()), "go", input=new_id())
        self.comes_late(sent)

    def test_one_that_is_due_comes_at_once(self):
        self.client.signal_entity(
            entities.EntityInstanceId("pinged", new_id()), "ping", signal_time=datetime.now(timezone.utc))
        self.eventually(lambda: self.pings.count)
