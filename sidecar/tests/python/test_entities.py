"""Entities: functions and classes with a state, and operations one after the other."""

from durabletask import entities

from support import Calls, Case, Status, new_id


def counter(ctx, value):
    """An entity that is a function."""
    if ctx.operation == "add":
        ctx.set_state(ctx.get_state(int, 0) + value)
    elif ctx.operation == "get":
        return ctx.get_state(int, 0)
    elif ctx.operation == "clear":
        ctx.set_state(None)
    elif ctx.operation == "who":
        return [ctx.entity_id.entity, ctx.entity_id.key, ctx.operation]


class Account(entities.DurableEntity):
    """An entity that is a class."""

    def add(self, amount):
        balance = self.get_state(int, 0) + amount
        self.set_state(balance)
        return balance

    def get(self):
        return self.get_state(int, 0)

    def copy_to(self, key):
        self.signal_entity(entities.EntityInstanceId("Account", key), "add", self.get_state(int, 0))


class EntityCase(Case):
    def entity(self, name="counter"):
        return entities.EntityInstanceId(name, new_id())

    def state_of(self, entity_id):
        found = self.client.get_entity(entity_id)
        return found and found.get_typed_state()

    def comes_to(self, entity_id, state):
        self.eventually(lambda: self.state_of(entity_id) == state, f"the state has not come to {state}")


class Signals(EntityCase):
    def test_a_function_is_signalled(self):
        self.worker(entities=[counter])
        entity_id = self.entity()
        self.client.signal_entity(entity_id, "add", input=5)
        self.client.signal_entity(entity_id, "add", input=3)
        self.comes_to(entity_id, 8)

    def test_a_class_is_signalled(self):
        self.worker(entities=[Account])
        entity_id = self.entity("Account")
        self.client.signal_entity(entity_id, "add", input=10)
        self.client.signal_entity(entity_id, "add", input=20)
        self.comes_to(entity_id, 30)

    def test_an_entity_may_have_another_name_than_its_code(self):
        for name, code in (("OtherCounter", counter), ("OtherAccount", Account)):
            with self.subTest(name):
                worker = self.worker(prepare=lambda new: new.add_entity(code, name=name))
                entity_id = self.entity(name)
                self.client.signal_entity(entity_id, "add", input=1)
                self.comes_to(entity_id, 1)
                worker.stop()

    def test_signals_are_handled_in_their_order(self):
        def notebook(ctx, value):
            ctx.set_state(ctx.get_state(list, []) + [value])

        self.worker(entities=[notebook])
        entity_id = self.entity("notebook")
        for n in range(30):
            self.client.signal_entity(entity_id, "note", input=n)
        self.comes_to(entity_id, list(range(30)))

    def test_signals_wait_for_a_worker(self):
        entity_id = self.entity()
        self.client.signal_entity(entity_id, "add", input=4)
        self.worker(entities=[counter])
        self.comes_to(entity_id, 4)

    def test_entities_do_not_mix(self):
        self.worker(entities=[counter])
        ids = [self.entity() for _ in range(10)]
        for n, entity_id in enumerate(ids):
            self.client.signal_entity(entity_id, "add", input=n + 1)
        for n, entity_id in enumerate(ids):
            self.comes_to(entity_id, n + 1)

    def test_names_of_entities_are_the_same_in_any_case(self):
        self.worker(entities=[Account])
        key = new_id()
        self.client.signal_entity(entities.EntityInstanceId("ACCOUNT", key), "add", input=1)
        self.client.signal_entity(entities.EntityInstanceId("account", key), "add", input=1)
        self.comes_to(entities.EntityInstanceId("Account", key), 2)


class Calling(EntityCase):
    def call(self, name):
        def use(ctx, key):
            entity_id = entities.EntityInstanceId(name, key)
            yield ctx.call_entity(entity_id, "add", input=5)
            yield ctx.call_entity(entity_id, "add", input=10)
            total = yield ctx.call_entity(entity_id, "get")
            return total

        return use

    def test_an_orchestration_calls_a_function(self):
        use = self.call("counter")
        self.worker([use], entities=[counter])
        self.assertEqual(self.output_of(use, input=new_id()), 15)

    def test_an_orchestration_calls_a_class(self):
        use = self.call("Account")
        self.worker([use], entities=[Account])
        self.assertEqual(self.output_of(use, input=new_id()), 15)

    def test_an_operation_may_give_nothing(self):
        def use(ctx, key):
            result = yield ctx.call_entity(entities.EntityInstanceId("counter", key), "nothing")
            return result

        self.worker([use], entities=[counter])
        state = self.run_to_end(use, input=new_id())
        self.assertIsNone(self.completed(state))

    def test_an_entity_knows_itself(self):
        def use(ctx, key):
            result = yield ctx.call_entity(entities.EntityInstanceId("Counter", key), "who")
            return result

        self.worker([use], entities=[counter])
        key = new_id()
        self.assertEqual(self.output_of(use, input=key), ["counter", key, "who"])

    def test_an_orchestration_signals(self):
        def use(ctx, key):
            ctx.signal_entity(entities.EntityInstanceId("counter", key), "add", input=42)

        self.worker([use], entities=[counter])
        key = new_id()
        self.assertIsNone(self.output_of(use, input=key))
        self.comes_to(entities.EntityInstanceId("counter", key), 42)

    def test_a_call_after_a_signal_sees_what_it_did(self):
        def use(ctx, key):
            entity_id = entities.EntityInstanceId("counter", key)
            ctx.signal_entity(entity_id, "add", input=42)
            result = yield ctx.call_entity(entity_id, "get")
            return result

        self.worker([use], entities=[counter])
        self.assertEqual(self.output_of(use, input=new_id()), 42)

    def test_many_orchestrations_call_one_entity(self):
        def use(ctx, key):
            yield ctx.call_entity(entities.EntityInstanceId("counter", key), "add", input=1)

        self.worker([use], entities=[counter])
        key = new_id()
        ids = [self.start(use, input=key) for _ in range(20)]
        for instance_id in ids:
            self.completed(self.wait(instance_id))
        self.assertEqual(self.state_of(entities.EntityInstanceId("counter", key)), 20)

    def test_an_orchestration_calls_an_entity_in_each_round(self):
        def rounds(ctx, given):
            key, left = given
            total = yield ctx.call_entity(entities.EntityInstanceId("Account", key), "add", input=1)
            if left:
                ctx.continue_as_new([key, left - 1])
            else:
                return total

        self.worker([rounds], entities=[Account])
        self.assertEqual(self.output_of(rounds, input=[new_id(), 4]), 5)


class FromEntities(EntityCase):
    def test_an_entity_signals_another(self):
        def use(ctx, keys):
            source, target = (entities.EntityInstanceId("Account", key) for key in keys)
            yield ctx.call_entity(source, "add", input=100)
            yield ctx.call_entity(source, "copy_to", input=keys[1])
            result = yield ctx.call_entity(target, "get")
            return result

        self.worker([use], entities=[Account])
        self.assertEqual(self.output_of(use, input=[new_id(), new_id()]), 100)

    def test_an_entity_starts_an_orchestration(self):
        starts = Calls()

        def started(ctx, value):
            if not ctx.is_replaying:
                starts.add(value)
            return value

        def starter(ctx, instance_id):
            ctx.schedule_new_orchestration("started", input="of an entity", instance_id=instance_id)

        self.worker([started], entities=[starter])
        instance_id = new_id("started")
        self.client.signal_entity(self.entity("starter"), "go", input=instance_id)
        self.eventually(lambda: self.status_of(instance_id) == Status.COMPLETED)
        self.assertEqual(self.completed(self.wait(instance_id)), "of an entity")
        self.assertEqual(starts.seen, ["of an entity"])

    def test_an_entity_starts_an_orchestration_without_an_id(self):
        starts = Calls()

        def started(ctx, value):
            starts.add(value)

        class Starter(entities.DurableEntity):
            def go(self, value):
                return self.schedule_new_orchestration("started", input=value)

        def use(ctx, key):
            result = yield ctx.call_entity(entities.EntityInstanceId("Starter", key), "go", input=7)
            return result

        self.worker([started, use], entities=[Starter])
        started_id = self.output_of(use, input=new_id())
        # What an entity starts is there soon after its answer.
        self.eventually(lambda: self.status_of(started_id) == Status.COMPLETED)
        self.assertIsNone(self.completed(self.wait(started_id)))
        self.assertEqual(starts.seen[0], 7)
