"""Reading entities, lists of them, and cleaning up."""

from datetime import datetime, timedelta, timezone

from durabletask import client, entities
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from support import WHEEL, Calls, new_id, wheel_differs
from test_entities import Account, EntityCase, counter


def now():
    return datetime.now(timezone.utc)


class Reading(EntityCase):
    def test_with_its_state(self):
        self.worker(entities=[counter])
        entity_id = self.entity()
        self.client.signal_entity(entity_id, "add", input=7)
        self.comes_to(entity_id, 7)
        found = self.client.get_entity(entity_id, include_state=True)
        self.assertEqual(found.id, entity_id)
        self.assertTrue(found.includes_state)
        self.assertEqual(found.get_state(int), 7)
        self.assertEqual(found.backlog_queue_size, 0)
        self.assertIsNone(found.get_locked_by())
        self.assertLess(abs(found.last_modified - now()), timedelta(seconds=60))

    def test_without_its_state(self):
        self.worker(entities=[counter])
        entity_id = self.entity()
        self.client.signal_entity(entity_id, "add", input=7)
        self.comes_to(entity_id, 7)
        found = self.client.get_entity(entity_id, include_state=False)
        self.assertFalse(found.includes_state)
        self.assertIsNone(found.get_state(int))

    def test_of_nobody(self):
        self.assertIsNone(self.client.get_entity(self.entity(), include_state=True))

    def keeping(self, length):
        """How an orchestration ends whose entity keeps a text of this length, and the entity."""
        def keeper(ctx, value):
            ctx.set_state("k" * value)

        def use(ctx, key):
            yield ctx.call_entity(entities.EntityInstanceId("keeper", key), "keep", length)

        self.worker([use], entities=[keeper])
        key = new_id()
        return self.run_to_end(use, input=key), entities.EntityInstanceId("keeper", key)

    def test_a_state_may_be_large(self):
        state, entity_id = self.keeping(980_000)
        self.completed(state)
        self.assertEqual(self.state_of(entity_id), "k" * 980_000)

    @wheel_differs("it has no limit")
    def test_a_state_that_is_too_large_fails_its_operation(self):
        state, entity_id = self.keeping(990_000)
        self.assertIn("at most 983040 are allowed", self.failed(state).message)
        found = self.client.get_entity(entity_id)
        self.assertFalse(found and found.get_state())


class Lists(EntityCase):
    def setUp(self):
        super().setUp()
        self.prefix = new_id("list")
        self.worker(entities=[counter, Account])

    def made(self, name, key, state):
        entity_id = entities.EntityInstanceId(name, f"{self.prefix}-{key}")
        self.client.signal_entity(entity_id, "add", input=state)
        self.comes_to(entity_id, state)
        return entity_id

    def found(self, **filters):
        """The entities of this test that match."""
        all_of_them = self.client.get_all_entities(client.EntityQuery(**filters))
        return {str(each.id): each for each in all_of_them if self.prefix in each.id.key}

    def test_all_with_and_without_state(self):
        entity_id = self.made("counter", "one", 5)
        self.assertIsNone(self.found(include_state=False)[str(entity_id)].get_state(int))
        self.assertEqual(self.found(include_state=True)[str(entity_id)].get_state(int), 5)

    def test_by_prefix(self):
        first, second = self.made("counter", "a", 10), self.made("counter", "b", 20)
        other = self.made("Account", "a", 30)
        self.assertEqual(set(self.found(instance_id_starts_with=f"@counter@{self.prefix}-a")), {str(first)})
        self.assertEqual(set(self.found(instance_id_starts_with="@counter@")), {str(first), str(second)})
        self.assertEqual(set(self.found(instance_id_starts_with="@account@")), {str(other)})
        self.assertEqual(self.found(instance_id_starts_with="@unheardof@"), {})

    def test_by_time_of_the_last_change(self):
        before = now() - timedelta(seconds=5)
        entity_id = self.made("counter", "one", 1)
        after = now() + timedelta(seconds=5)
        self.assertEqual(set(self.found(last_modified_from=before, last_modified_to=after)), {str(entity_id)})
        self.assertEqual(self.found(last_modified_from=after, last_modified_to=after + timedelta(hours=1)), {})
        self.assertEqual(self.found(last_modified_to=before), {})

    def test_in_pages(self):
        ids = {str(self.made("counter", str(n), n + 1)) for n in range(5)}
        seen, sizes, token = [], [], None
        while True:
            response = self.client._stub.QueryEntities(pb.QueryEntitiesRequest(query=pb.EntityQuery(
                instanceIdStartsWith=wrappers_pb2.StringValue(value=f"@counter@{self.prefix}"),
                pageSize=wrappers_pb2.Int32Value(value=2),
                continuationToken=wrappers_pb2.StringValue(value=token) if token else None,
            )))
            seen += [each.instanceId for each in response.entities]
            sizes.append(len(response.entities))
            token = response.continuationToken.value
            if not token:
                break
        self.assertEqual(set(seen), ids)
        self.assertEqual(sizes, [2, 2, 1])

    def test_the_client_reads_all_pages(self):
        ids = {str(self.made("counter", str(n), n + 1)) for n in range(3)}
        found = self.found(instance_id_starts_with=f"@counter@{self.prefix}", page_size=1)
        self.assertEqual(set(found), ids)


class Cleaning(EntityCase):
    def test_a_deleted_entity_has_no_state_and_can_be_cleaned_away(self):
        self.worker(entities=[Account])
        entity_id = self.entity("Account")
        self.client.signal_entity(entity_id, "add", input=1)
        self.comes_to(entity_id, 1)
        self.client.signal_entity(entity_id, "delete")

        def is_gone():
            entity = self.client.get_entity(entity_id)
            return entity is None or (WHEEL and not entity._state)

        self.eventually(is_gone)
        result = self.client.clean_entity_storage(remove_empty_entities=True, release_orphaned_locks=True)
        self.assertGreaterEqual(result.empty_entities_removed, 0)
        self.assertGreaterEqual(result.orphaned_locks_released, 0)
        self.assertIsNone(self.client.get_entity(entity_id))

    def test_an_entity_without_state_is_not_listed(self):
        calls = Calls()

        def stateless(ctx, _):
            calls.add()

        self.worker(entities=[stateless])
        entity_id = self.entity("stateless")
        self.client.signal_entity(entity_id, "anything")
        self.eventually(lambda: calls.count)
        self.eventually(
            lambda: self.client.clean_entity_storage()
            and not [each for each in self.client.get_all_entities() if each.id == entity_id])

    def test_a_cleaned_entity_can_be_used_again(self):
        self.worker(entities=[Account])
        entity_id = self.entity("Account")
        self.client.signal_entity(entity_id, "delete")
        self.client.clean_entity_storage()
        self.client.signal_entity(entity_id, "add", input=2)
        self.comes_to(entity_id, 2)

    def test_entities_with_a_state_stay(self):
        self.worker(entities=[Account])
        entity_id = self.entity("Account")
        self.client.signal_entity(entity_id, "add", input=2)
        self.comes_to(entity_id, 2)
        self.client.clean_entity_storage()
        self.assertEqual(self.state_of(entity_id), 2)

    def test_entities_are_no_orchestrations(self):
        self.worker(entities=[Account])
        entity_id = self.entity("Account")
        self.client.signal_entity(entity_id, "add", input=2)
        self.comes_to(entity_id, 2)
        ids = [state.instance_id for state in self.client.get_all_orchestration_states()]
        self.assertNotIn(str(entity_id), ids)
