"""Orchestrations that start others, and wait for them."""

from durabletask import task

from support import SOON, Calls, Case, Status, new_id, wheel_differs


def wait_for_news(ctx, _):
    value = yield ctx.wait_for_external_event("news")
    return value


class Children(Case):
    def test_a_child_gives_its_result(self):
        def child(ctx, value):
            return value * 2

        def parent(ctx, value):
            result = yield ctx.call_sub_orchestrator(child, input=value)
            return f"got {result}"

        self.worker([parent, child])
        self.assertEqual(self.output_of(parent, input=5), "got 10")

    def test_a_child_is_called_by_name(self):
        calls = Calls()

        def child(ctx, _):
            calls.add()

        def parent(ctx, _):
            yield ctx.call_sub_orchestrator("child")

        self.worker([parent, child])
        self.assertIsNone(self.output_of(parent))
        self.assertEqual(calls.count, 1)

    def test_many_children_run_side_by_side(self):
        calls = Calls()

        def note(_, value):
            calls.add(value)

        def child(ctx, steps):
            for step in range(steps):
                yield ctx.call_activity(note, input=step)

        def parent(ctx, count):
            yield task.when_all([ctx.call_sub_orchestrator(child, input=3) for _ in range(count)])

        self.worker([parent, child], [note])
        self.output_of(parent, input=10)
        self.assertEqual(sorted(calls.seen), sorted([0, 1, 2] * 10))

    @wheel_differs("children have no parent there")
    def test_a_child_knows_its_parent(self):
        def child(ctx, _):
            return [ctx.instance_id, ctx.parent_instance_id]

        def parent(ctx, child_id):
            result = yield ctx.call_sub_orchestrator(child, instance_id=child_id)
            return [result, ctx.parent_instance_id]

        self.worker([parent, child])
        parent_id, child_id = new_id("parent"), new_id("child")
        result = self.output_of(parent, input=child_id, instance_id=parent_id)
        self.assertEqual(result, [[child_id, parent_id], None])

    def test_children_without_an_id_get_one_of_the_parents(self):
        def child(ctx, _):
            return ctx.instance_id

        def parent(ctx, _):
            first = yield ctx.call_sub_orchestrator(child)
            second = yield ctx.call_sub_orchestrator(child)
            return [first, second]

        self.worker([parent, child])
        parent_id = new_id("parent")
        first, second = self.output_of(parent, instance_id=parent_id)
        self.assertNotEqual(first, second)
        for each in (first, second):
            self.assertTrue(each.startswith(parent_id))
            self.assertEqual(self.status_of(each), Status.COMPLETED)

    def test_a_child_can_be_sent_events_by_its_id(self):
        def parent(ctx, child_id):
            result = yield ctx.call_sub_orchestrator(wait_for_news, instance_id=child_id)
            return result

        self.worker([parent, wait_for_news])
        child_id = new_id("child")
        parent_id = self.start(parent, input=child_id)
        self.eventually(lambda: self.status_of(child_id) == Status.RUNNING)
        self.client.raise_orchestration_event(child_id, "news", data="for the child")
        self.assertEqual(self.completed(self.wait(parent_id)), "for the child")

    def test_a_failed_child_can_be_handled(self):
        def child(ctx, _):
            raise ValueError("no luck")

        def parent(ctx, _):
            try:
                yield ctx.call_sub_orchestrator(child)
            except task.TaskFailedError as error:
                return error.details.message

        self.worker([parent, child])
        self.assertIn("no luck", self.output_of(parent))

    def test_a_failed_child_fails_its_parent(self):
        def child(ctx, _):
            raise ValueError("no luck")

        def parent(ctx, _):
            yield ctx.call_sub_orchestrator(child)

        self.worker([parent, child])
        details = self.failed(self.run_to_end(parent))
        self.assertEqual(details.error_type.rsplit(".")[-1], "TaskFailedError")
        self.assertIn("no luck", details.message)

    def test_grandchildren(self):
        def descend(ctx, depth):
            if depth == 0:
                return 0
            below = yield ctx.call_sub_orchestrator("descend", input=depth - 1)
            return below + 1

        self.worker([descend])
        self.assertEqual(self.output_of(descend, input=5), 5)

    def test_a_terminated_child_fails_the_wait_of_its_parent(self):
        def parent(ctx, child_id):
            try:
                yield ctx.call_sub_orchestrator(wait_for_news, instance_id=child_id)
            except task.TaskFailedError:
                return "child is gone"

        self.worker([parent, wait_for_news])
        child_id = new_id("child")
        parent_id = self.start(parent, input=child_id)
        self.eventually(lambda: self.status_of(child_id) == Status.RUNNING)
        self.client.terminate_orchestration(child_id)
        self.assertEqual(self.completed(self.wait(parent_id)), "child is gone")


def parent_of_one(ctx, child_id):
    yield ctx.call_sub_orchestrator(wait_for_news, instance_id=child_id)


class Termination(Case):
    def family(self):
        self.worker([parent_of_one, wait_for_news])
        child_id = new_id("child")
        parent_id = self.start(parent_of_one, input=child_id)
        self.eventually(lambda: self.status_of(child_id) == Status.RUNNING)
        return parent_id, child_id

    @wheel_differs("it terminates no children")
    def test_children_are_terminated_with_their_parent(self):
        parent_id, child_id = self.family()
        self.client.terminate_orchestration(parent_id, output="all of you")
        self.assertEqual(self.wait(parent_id).runtime_status, Status.TERMINATED)
        self.assertEqual(self.wait(child_id).runtime_status, Status.TERMINATED)

    def test_children_may_be_left_alone(self):
        parent_id, child_id = self.family()
        self.client.terminate_orchestration(parent_id, recursive=False)
        self.assertEqual(self.wait(parent_id).runtime_status, Status.TERMINATED)
        self.client.raise_orchestration_event(child_id, "news", data="still here")
        self.assertEqual(self.completed(self.wait(child_id)), "still here")

    def test_a_terminated_family_can_be_purged(self):
        parent_id, _ = self.family()
        self.client.wait_for_orchestration_start(parent_id, timeout=SOON)
        self.client.terminate_orchestration(parent_id)
        self.wait(parent_id)
        self.client.purge_orchestration(parent_id)
        self.assertIsNone(self.client.get_orchestration_state(parent_id))
