"""The asynchronous client."""

import asyncio
import unittest

from durabletask import client, entities

from support import ENDPOINT, SOON, Case, Status, new_id
from test_entities import counter


def echo(ctx, value):
    return value


def greet(_, name):
    return f"hello {name}"


def order(ctx, name):
    greeting = yield ctx.call_activity(greet, input=name)
    return greeting


def listen(ctx, _):
    values = []
    for name in "AB":
        values.append((yield ctx.wait_for_external_event(name)))
    return values


class AsyncClient(Case, unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        super().setUp()
        self.worker([echo, order, listen], [greet], [counter])

    async def asyncSetUp(self):
        self.hub = client.AsyncTaskHubGrpcClient(host_address=ENDPOINT)
        self.addAsyncCleanup(self.hub.close)

    async def ended(self, instance_id):
        return await self.hub.wait_for_orchestration_completion(instance_id, timeout=SOON)

    async def has_status(self, instance_id, status):
        while (await self.hub.get_orchestration_state(instance_id)).runtime_status != status:
            await asyncio.sleep(0.02)

    async def test_an_orchestration_with_an_activity(self):
        instance_id = await self.hub.schedule_new_orchestration(order, input="you", tags={"a": "b"})
        state = await self.ended(instance_id)
        self.assertEqual(self.completed(state), "hello you")
        self.assertEqual((state.name, state.instance_id, state.serialized_input), ("order", instance_id, '"you"'))

    async def test_many_at_once(self):
        ids = await asyncio.gather(*[self.hub.schedule_new_orchestration(echo, input=n) for n in range(20)])
        states = await asyncio.gather(*[self.ended(each) for each in ids])
        self.assertEqual([self.completed(state) for state in states], list(range(20)))

    async def test_events(self):
        instance_id = await self.hub.schedule_new_orchestration(listen)
        for name in "AB":
            await self.hub.raise_orchestration_event(instance_id, name, data=name.lower())
        self.assertEqual(self.completed(await self.ended(instance_id)), ["a", "b"])

    async def test_suspend_and_resume(self):
        instance_id = await self.hub.schedule_new_orchestration(listen)
        await self.hub.wait_for_orchestration_start(instance_id, timeout=SOON)
        await self.hub.suspend_orchestration(instance_id)
        await self.has_status(instance_id, Status.SUSPENDED)
        for name in "AB":
            await self.hub.raise_orchestration_event(instance_id, name)
        with self.assertRaises(TimeoutError):
            await self.hub.wait_for_orchestration_completion(instance_id, timeout=1)
        await self.hub.resume_orchestration(instance_id)
        self.assertEqual(self.completed(await self.ended(instance_id)), [None, None])

    async def test_terminate(self):
        instance_id = await self.hub.schedule_new_orchestration(listen)
        state = await self.hub.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.assertEqual(state.runtime_status, Status.RUNNING)
        await self.hub.terminate_orchestration(instance_id, output="enough")
        state = await self.ended(instance_id)
        self.assertEqual((state.runtime_status, state.get_output()), (Status.TERMINATED, "enough"))

    async def test_purge(self):
        instance_id = await self.hub.schedule_new_orchestration(echo)
        await self.ended(instance_id)
        self.assertEqual((await self.hub.purge_orchestration(instance_id)).deleted_instance_count, 1)
        self.assertIsNone(await self.hub.get_orchestration_state(instance_id))

    async def test_restart_with_the_same_and_with_a_new_id(self):
        instance_id = await self.hub.schedule_new_orchestration(order, input="you")
        await self.ended(instance_id)
        self.assertEqual(await self.hub.restart_orchestration(instance_id), instance_id)
        self.assertEqual(self.completed(await self.ended(instance_id)), "hello you")
        other = await self.hub.restart_orchestration(instance_id, restart_with_new_instance_id=True)
        self.assertNotEqual(other, instance_id)
        self.assertEqual(self.completed(await self.ended(other)), "hello you")

    async def test_lists_and_histories(self):
        instance_id = await self.hub.schedule_new_orchestration(echo, instance_id=new_id("listed"))
        await self.ended(instance_id)
        query = client.OrchestrationQuery(instance_id_prefix=instance_id)
        states = await self.hub.get_all_orchestration_states(query)
        self.assertEqual([state.instance_id for state in states], [instance_id])
        self.assertGreater(len(await self.hub.get_orchestration_history(instance_id)), 2)

    async def test_entities(self):
        entity_id = entities.EntityInstanceId("counter", new_id())
        await self.hub.signal_entity(entity_id, "add", input=3)
        while not (found := await self.hub.get_entity(entity_id)) or found._state != "3":
            await asyncio.sleep(0.02)
        query = client.EntityQuery(instance_id_starts_with=str(entity_id))
        self.assertEqual([each.id for each in await self.hub.get_all_entities(query)], [entity_id])
