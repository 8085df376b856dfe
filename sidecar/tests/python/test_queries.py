"""Lists of instances, with filters and in pages."""

from datetime import datetime, timedelta, timezone

from durabletask.client import OrchestrationQuery
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from support import Case, Status, new_id


def echo(ctx, value):
    return value


def fail(ctx, _):
    raise RuntimeError("failed")


def listen(ctx, _):
    yield ctx.wait_for_external_event("news")


def now():
    return datetime.now(timezone.utc)


class Queries(Case):
    def setUp(self):
        super().setUp()
        self.prefix = new_id("query")
        self.worker([echo, fail, listen])

    def run_one(self, orchestrator, name, **options):
        instance_id = self.start(orchestrator, instance_id=f"{self.prefix}-{name}", **options)
        if orchestrator is listen:
            self.eventually(lambda: self.status_of(instance_id) == Status.RUNNING)
        else:
            self.wait(instance_id)
        return instance_id

    def found(self, **filters):
        """The states of this test that match."""
        states = self.client.get_all_orchestration_states(OrchestrationQuery(**filters))
        return {state.instance_id: state for state in states if state.instance_id.startswith(self.prefix)}

    def test_all(self):
        instance_id = self.run_one(echo, "one", input="in")
        states = self.client.get_all_orchestration_states()
        [state] = [state for state in states if state.instance_id == instance_id]
        self.assertEqual((state.name, state.runtime_status), ("echo", Status.COMPLETED))
        self.assertIsNone(state.serialized_input)
        self.assertIsNone(state.serialized_output)
        self.assertIsNone(state.failure_details)

    def test_with_payloads(self):
        instance_id = self.run_one(echo, "one", input="in")
        state = self.found(fetch_inputs_and_outputs=True)[instance_id]
        self.assertEqual((state.serialized_input, state.serialized_output), ('"in"', '"in"'))

    def test_by_status(self):
        completed, failed, running = (
            self.run_one(echo, "completed"), self.run_one(fail, "failed"), self.run_one(listen, "running"))
        self.assertEqual(set(self.found(runtime_status=[Status.COMPLETED])), {completed})
        self.assertEqual(set(self.found(runtime_status=[Status.RUNNING])), {running})
        self.assertEqual(set(self.found(runtime_status=[Status.COMPLETED, Status.FAILED])), {completed, failed})
        self.assertEqual(set(self.found(runtime_status=[Status.TERMINATED])), set())
        details = self.found(runtime_status=[Status.FAILED], fetch_inputs_and_outputs=True)[failed].failure_details
        self.assertEqual(details.message, "failed")

    def test_by_suspended_and_terminated(self):
        suspended, terminated = self.run_one(listen, "suspended"), self.run_one(listen, "terminated")
        self.client.suspend_orchestration(suspended)
        self.client.terminate_orchestration(terminated)
        self.wait(terminated)
        self.eventually(lambda: self.status_of(suspended) == Status.SUSPENDED)
        self.assertEqual(set(self.found(runtime_status=[Status.SUSPENDED])), {suspended})
        self.assertEqual(set(self.found(runtime_status=[Status.TERMINATED])), {terminated})

    def test_by_time_of_creation(self):
        before = now() - timedelta(seconds=5)
        instance_id = self.run_one(echo, "one")
        after = now() + timedelta(seconds=5)
        self.assertEqual(set(self.found(created_time_from=before, created_time_to=after)), {instance_id})
        self.assertEqual(set(self.found(created_time_from=after)), set())
        self.assertEqual(set(self.found(created_time_to=before)), set())
        self.assertEqual(
            set(self.found(created_time_from=after, created_time_to=after + timedelta(hours=1))), set())

    def test_by_prefix(self):
        ids = {self.run_one(echo, name) for name in ("a1", "a2", "b1")}
        self.assertEqual(set(self.found(instance_id_prefix=self.prefix)), ids)
        self.assertEqual(
            set(self.found(instance_id_prefix=f"{self.prefix}-a")), {f"{self.prefix}-a1", f"{self.prefix}-a2"})
        self.assertEqual(set(self.found(instance_id_prefix=new_id("nobody"))), set())

    def test_several_filters_hold_together(self):
        self.run_one(echo, "a1")
        self.run_one(fail, "b1")
        found = self.found(instance_id_prefix=f"{self.prefix}-a", runtime_status=[Status.FAILED])
        self.assertEqual(found, {})

    def test_custom_statuses_are_in_it(self):
        def labelled(ctx, _):
            ctx.set_custom_status("label")

        self.worker([labelled])
        # Two workers are here, and either may get it: one of them does not have it.
        instance_id = self.start(labelled, instance_id=f"{self.prefix}-label")
        state = self.wait(instance_id)
        if state.runtime_status == Status.COMPLETED:
            self.assertEqual(self.found()[instance_id].get_custom_status(), "label")

    def page(self, size, token=None):
        response = self.client._stub.QueryInstances(pb.QueryInstancesRequest(query=pb.InstanceQuery(
            instanceIdPrefix=wrappers_pb2.StringValue(value=self.prefix),
            maxInstanceCount=size,
            continuationToken=wrappers_pb2.StringValue(value=token) if token else None,
        )))
        return [state.instanceId for state in response.orchestrationState], response.continuationToken.value

    def test_in_pages(self):
        ids = {self.run_one(echo, str(n)) for n in range(5)}
        first, token = self.page(2)
        second, token = self.page(2, token)
        third, token = self.page(2, token)
        self.assertEqual([len(first), len(second), len(third)], [2, 2, 1])
        self.assertEqual(set(first + second + third), ids)
        self.assertFalse(token)

    def test_the_client_reads_all_pages(self):
        ids = {self.run_one(echo, str(n)) for n in range(5)}
        found = self.found(instance_id_prefix=self.prefix, max_instance_count=2)
        self.assertEqual(set(found), ids)


class ListsOfIds(Case):
    def setUp(self):
        super().setUp()
        self.worker([echo, fail, listen])
        # Instances of other tests have ended before, or have no part in what is read here.
        self.begun = now()

    def end(self, orchestrator):
        instance_id = self.start(orchestrator)
        self.wait(instance_id)
        return instance_id

    def test_those_that_have_ended(self):
        completed, failed = self.end(echo), self.end(fail)
        running = self.start(listen)
        page = self.client.list_instance_ids(completed_time_from=self.begun, page_size=1000)
        self.assertLessEqual({completed, failed}, set(page.items))
        self.assertNotIn(running, page.items)

    def test_by_status(self):
        completed, failed = self.end(echo), self.end(fail)
        page = self.client.list_instance_ids(
            runtime_status=[Status.FAILED], completed_time_from=self.begun, page_size=1000)
        self.assertIn(failed, page.items)
        self.assertNotIn(completed, page.items)

    def test_by_time_of_the_end(self):
        completed = self.end(echo)
        later = now() + timedelta(minutes=1)
        self.assertEqual(self.client.list_instance_ids(completed_time_from=later).items, [])
        page = self.client.list_instance_ids(completed_time_to=self.begun - timedelta(seconds=5), page_size=1000)
        self.assertNotIn(completed, page.items)

    def test_in_pages(self):
        ids = {self.end(echo), self.end(fail)}
        both = [Status.COMPLETED, Status.FAILED]
        seen, token, pages = [], None, 0
        while True:
            page = self.client.list_instance_ids(
                runtime_status=both, completed_time_from=self.begun, page_size=1, continuation_token=token)
            seen += page.items
            pages += 1
            self.assertLessEqual(len(page.items), 1)
            token = page.continuation_token
            if token is None:
                break
            # A token names the last id of its page.
            self.assertIn(page.items[-1], token)
        self.assertEqual(set(seen) & ids, ids)
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(pages, len(seen))
