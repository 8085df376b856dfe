"""Instances that are removed, and instances that begin once more."""

from datetime import datetime, timedelta, timezone

import grpc

from support import SOON, Calls, Case, Status, new_id, wheel_differs


def echo(ctx, value):
    return value


def fail(ctx, _):
    raise RuntimeError("failed")


def listen(ctx, _):
    yield ctx.wait_for_external_event("news")


def parent(ctx, child_id):
    yield ctx.call_sub_orchestrator(echo, instance_id=child_id)


def now():
    return datetime.now(timezone.utc)


class Purge(Case):
    def ended(self, orchestrator, **options):
        instance_id = self.start(orchestrator, **options)
        self.wait(instance_id)
        return instance_id

    def gone(self, *ids):
        return all(self.client.get_orchestration_state(each) is None for each in ids)

    def test_by_id(self):
        self.worker([echo])
        instance_id = self.ended(echo)
        result = self.client.purge_orchestration(instance_id)
        self.assertEqual(result.deleted_instance_count, 1)
        self.assertTrue(self.gone(instance_id))

    def test_of_one_that_runs(self):
        self.worker([listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.assertEqual(self.client.purge_orchestration(instance_id).deleted_instance_count, 0)
        self.assertFalse(self.gone(instance_id))

    def test_of_nobody(self):
        self.assertEqual(self.client.purge_orchestration(new_id("nobody")).deleted_instance_count, 0)

    @wheel_differs("it purges no children")
    def test_with_children(self):
        self.worker([parent, echo])
        child_id = new_id("child")
        parent_id = self.ended(parent, input=child_id)
        self.assertEqual(self.client.purge_orchestration(parent_id, recursive=True).deleted_instance_count, 2)
        self.assertTrue(self.gone(parent_id, child_id))

    def test_without_children(self):
        self.worker([parent, echo])
        child_id = new_id("child")
        parent_id = self.ended(parent, input=child_id)
        self.assertEqual(self.client.purge_orchestration(parent_id, recursive=False).deleted_instance_count, 1)
        self.assertTrue(self.gone(parent_id))
        self.assertFalse(self.gone(child_id))

    def test_by_status(self):
        self.worker([echo, fail])
        completed, failed = self.ended(echo), self.ended(fail)
        result = self.client.purge_orchestrations_by(runtime_status=[Status.FAILED], recursive=True)
        self.assertGreaterEqual(result.deleted_instance_count, 1)
        self.assertTrue(self.gone(failed))
        self.assertFalse(self.gone(completed))

    def test_by_time_of_creation(self):
        self.worker([echo, listen])
        before = now() - timedelta(seconds=1)
        instance_id, running = self.ended(echo), self.start(listen)
        after = now() + timedelta(seconds=5)
        later = self.client.purge_orchestrations_by(
            created_time_from=after, created_time_to=after + timedelta(hours=1))
        self.assertEqual(later.deleted_instance_count, 0)
        self.assertFalse(self.gone(instance_id))
        result = self.client.purge_orchestrations_by(
            created_time_from=before, created_time_to=after, runtime_status=[Status.COMPLETED], recursive=True)
        self.assertGreaterEqual(result.deleted_instance_count, 1)
        self.assertTrue(self.gone(instance_id))
        self.assertFalse(self.gone(running))

    def test_by_filter_says_whether_it_is_complete(self):
        self.worker([echo])
        instance_id = self.ended(echo)
        result = self.client.purge_orchestrations_by(
            created_time_from=now() - timedelta(minutes=1), timeout=timedelta(seconds=30))
        self.assertIsNot(result.is_complete, False)
        self.assertTrue(self.gone(instance_id))

    def test_a_purged_id_can_be_used_again(self):
        self.worker([echo])
        instance_id = self.ended(echo, input=1)
        self.client.purge_orchestration(instance_id)
        self.assertEqual(self.output_of(echo, instance_id=instance_id, input=2), 2)


class Restart(Case):
    def test_with_the_same_id(self):
        runs = Calls()

        def greet(_, name):
            return f"{name} {runs.add()}"

        def order(ctx, name):
            result = yield ctx.call_activity(greet, input=name)
            return result

        self.worker([order], [greet])
        instance_id = self.start(order, input="run")
        self.assertEqual(self.completed(self.wait(instance_id)), "run 1")
        self.assertEqual(self.client.restart_orchestration(instance_id), instance_id)
        self.eventually(lambda: self.status_of(instance_id) == Status.COMPLETED and runs.count == 2)
        self.assertEqual(self.completed(self.wait(instance_id)), "run 2")

    def test_the_wait_after_it_is_for_the_new_run(self):
        self.worker([echo])
        instance_id = self.start(echo, input="v")
        self.wait(instance_id)
        self.client.restart_orchestration(instance_id)
        state = self.wait(instance_id)
        self.assertEqual(self.completed(state), "v")

    def test_with_a_new_id(self):
        self.worker([echo])
        instance_id = self.start(echo, input="v")
        self.wait(instance_id)
        other = self.client.restart_orchestration(instance_id, restart_with_new_instance_id=True)
        self.assertNotEqual(other, instance_id)
        self.assertEqual(self.completed(self.wait(other)), "v")
        self.assertEqual(self.completed(self.wait(instance_id)), "v")

    def test_of_one_that_has_failed(self):
        runs = Calls()

        def second_time(ctx, _):
            if runs.add() == 1:
                raise RuntimeError("first time")
            return "better"

        self.worker([second_time])
        instance_id = self.start(second_time)
        self.failed(self.wait(instance_id))
        self.client.restart_orchestration(instance_id)
        self.eventually(lambda: self.status_of(instance_id) == Status.COMPLETED)
        self.assertEqual(self.completed(self.wait(instance_id)), "better")

    def test_keeps_the_version(self):
        def version(ctx, _):
            return ctx.version

        self.worker([version])
        instance_id = self.start(version, version="1.5.0")
        self.wait(instance_id)
        other = self.client.restart_orchestration(instance_id, restart_with_new_instance_id=True)
        self.assertEqual(self.completed(self.wait(other)), "1.5.0")

    def refused(self, instance_id, code):
        with self.assertRaises(grpc.RpcError) as refusal:
            self.client.restart_orchestration(instance_id)
        self.assertEqual(refusal.exception.code(), code)
        self.assertIn(instance_id, refusal.exception.details())

    def test_of_nobody_is_refused(self):
        self.refused(new_id("nobody"), grpc.StatusCode.NOT_FOUND)

    def test_of_one_that_runs_is_refused(self):
        self.worker([listen])
        instance_id = self.start(listen)
        self.client.wait_for_orchestration_start(instance_id, timeout=SOON)
        self.refused(instance_id, grpc.StatusCode.FAILED_PRECONDITION)
