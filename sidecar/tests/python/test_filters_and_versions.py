"""Which worker gets which work: by names, and by versions."""

from durabletask import entities, task
from durabletask.worker import (
    ActivityWorkItemFilter,
    EntityWorkItemFilter,
    OrchestrationWorkItemFilter,
    VersionFailureStrategy,
    VersioningOptions,
    VersionMatchStrategy,
    WorkItemFilters,
)

from support import Calls, Case, Status, new_id


def increment(_, value):
    return value + 1


def counted(ctx, value):
    result = yield ctx.call_activity(increment, input=value)
    return result


def other(ctx, _):
    return "other"


def version_of(ctx, _):
    return ctx.version


def only(orchestrations=(), activities=(), entity_names=()):
    return WorkItemFilters(
        orchestrations=[OrchestrationWorkItemFilter(name=task.get_name(each)) for each in orchestrations],
        activities=[ActivityWorkItemFilter(name=task.get_name(each)) for each in activities],
        entities=[EntityWorkItemFilter(name=each) for each in entity_names],
    )


class Filters(Case):
    def filtered(self, *filters):
        """A worker that has all functions, and asks for what the filters say."""
        def prepare(new):
            for each in filters:
                new.use_work_item_filters(*each)

        return self.worker([counted, other], [increment], prepare=prepare)

    def test_those_of_what_it_has(self):
        self.filtered(())
        self.assertEqual(self.output_of(counted, input=5), 6)

    def test_those_that_it_names(self):
        self.filtered((only([counted], [increment]),))
        self.assertEqual(self.output_of(counted, input=10), 11)

    def test_none(self):
        self.filtered()
        self.assertEqual(self.output_of(counted, input=7), 8)

    def test_none_any_more(self):
        self.filtered((), (None,))
        self.assertEqual(self.output_of(counted, input=3), 4)

    def test_an_orchestration_that_no_filter_names_waits(self):
        self.filtered((only([other], [increment]),))
        waiting = self.start(counted, input=1)
        self.assertEqual(self.output_of(other), "other")
        self.assertEqual(self.status_of(waiting), Status.PENDING)
        self.worker([counted], [increment])
        self.assertEqual(self.completed(self.wait(waiting)), 2)

    def test_an_activity_that_no_filter_names_waits(self):
        self.filtered((only([counted, other]),))
        waiting = self.start(counted, input=1)
        self.assertEqual(self.output_of(other), "other")
        self.eventually(lambda: self.status_of(waiting) == Status.RUNNING)
        self.worker(activities=[increment], prepare=lambda new: new.use_work_item_filters())
        self.assertEqual(self.completed(self.wait(waiting)), 2)

    def test_workers_share_the_work_by_their_filters(self):
        places = Calls()

        def here(_, value):
            places.add("activities")
            return value

        def both(ctx, value):
            result = yield ctx.call_activity("here", input=value)
            return result

        def use_them(new):
            new.use_work_item_filters()

        self.worker([both], prepare=use_them)
        self.worker(activities=[here], prepare=use_them)
        self.assertEqual(self.output_of(both, input=1), 1)
        self.assertEqual(places.seen, ["activities"])

    def test_entities_that_a_filter_names(self):
        class Counter(entities.DurableEntity):
            def add(self, amount):
                self.set_state(self.get_state(int, 0) + amount)

        self.worker(
            entities=[Counter], prepare=lambda new: new.use_work_item_filters(only(entity_names=["Counter"])))
        entity_id = entities.EntityInstanceId("counter", new_id())
        self.client.signal_entity(entity_id, "add", input=10)
        self.eventually(lambda: self.client.get_entity(entity_id))
        self.eventually(lambda: self.client.get_entity(entity_id).get_typed_state() == 10)

    def test_entities_that_no_filter_names_wait(self):
        pings = Calls()

        def allowed(ctx, _):
            pings.add("allowed")

        def blocked(ctx, _):
            pings.add("blocked")

        self.worker(
            entities=[allowed, blocked],
            prepare=lambda new: new.use_work_item_filters(only(entity_names=["allowed"])))
        key = new_id()
        self.client.signal_entity(entities.EntityInstanceId("blocked", key), "ping")
        for _ in range(3):
            self.client.signal_entity(entities.EntityInstanceId("allowed", key), "ping")
        self.eventually(lambda: pings.count >= 3)
        self.assertEqual(set(pings.seen), {"allowed"})
        self.worker(entities=[allowed, blocked])
        self.eventually(lambda: "blocked" in pings.seen)


class VersionsOfFilters(Case):
    def strict(self, version):
        def prepare(new):
            new.use_versioning(VersioningOptions(version=version, match_strategy=VersionMatchStrategy.STRICT))
            new.use_work_item_filters()

        return self.worker([version_of], prepare=prepare)

    def test_an_orchestration_of_the_same_version_runs(self):
        self.strict("2.0")
        self.assertEqual(self.output_of(version_of, version="2.0"), "2.0")

    def test_one_of_another_version_waits_for_its_worker(self):
        self.strict("2.0")
        waiting = self.start(version_of, version="1.0")
        self.assertEqual(self.output_of(version_of, version="2.0"), "2.0")
        self.assertEqual(self.status_of(waiting), Status.PENDING)
        self.strict("1.0")
        self.assertEqual(self.completed(self.wait(waiting)), "1.0")

    def test_one_without_a_version_waits(self):
        self.strict("2.0")
        waiting = self.start(version_of)
        self.assertEqual(self.output_of(version_of, version="2.0"), "2.0")
        self.assertEqual(self.status_of(waiting), Status.PENDING)

    def test_versions_that_a_filter_names(self):
        filters = WorkItemFilters(
            orchestrations=[OrchestrationWorkItemFilter(name="version_of", versions=["3.0", "3.1"])])
        self.worker([version_of], prepare=lambda new: new.use_work_item_filters(filters))
        waiting = self.start(version_of, version="2.0")
        for version in ("3.0", "3.1"):
            self.assertEqual(self.output_of(version_of, version=version), version)
        self.assertEqual(self.status_of(waiting), Status.PENDING)


class Versions(Case):
    def run_version(self, ours, theirs, strategy, orchestrator=version_of, **options):
        versioning = VersioningOptions(
            version=ours,
            default_version=ours,
            match_strategy=strategy,
            failure_strategy=VersionFailureStrategy.FAIL,
        )
        self.worker([version_of, parent], prepare=lambda new: new.use_versioning(versioning))
        return self.run_to_end(orchestrator, version=theirs, **options)

    def test_an_older_one_runs(self):
        state = self.run_version("1.1.0", "1.0.0", VersionMatchStrategy.CURRENT_OR_OLDER)
        self.assertEqual(self.completed(state), "1.0.0")

    def test_the_same_one_runs(self):
        state = self.run_version("2.5.0", "2.5.0", VersionMatchStrategy.CURRENT_OR_OLDER)
        self.assertEqual(self.completed(state), "2.5.0")

    def test_a_newer_one_fails(self):
        state = self.run_version("1.0.0", "1.1.0", VersionMatchStrategy.CURRENT_OR_OLDER)
        self.assertIn("'1.1.0' is greater than the worker version '1.0.0'", self.failed(state).message)

    def test_another_one_fails_where_it_must_be_the_same(self):
        state = self.run_version("1.1.0", "1.0.0", VersionMatchStrategy.STRICT)
        self.assertIn("'1.0.0' does not match the worker version '1.1.0'", self.failed(state).message)

    def test_any_runs_where_versions_do_not_matter(self):
        state = self.run_version("1.0.0", "9.0.0", VersionMatchStrategy.NONE)
        self.assertEqual(self.completed(state), "9.0.0")

    def test_a_child_has_the_version_of_its_call(self):
        state = self.run_version(
            "1.0.0", "1.0.0", VersionMatchStrategy.CURRENT_OR_OLDER, parent, input="0.9.0")
        self.assertEqual(self.completed(state), "0.9.0")

    def test_a_child_without_a_version_has_that_of_the_worker(self):
        state = self.run_version("1.0.0", "0.5.0", VersionMatchStrategy.CURRENT_OR_OLDER, parent, input=None)
        self.assertEqual(self.completed(state), "1.0.0")

    def test_a_child_that_is_newer_fails_its_parent(self):
        state = self.run_version(
            "1.0.0", "1.0.0", VersionMatchStrategy.CURRENT_OR_OLDER, parent, input="1.1.0")
        self.assertIn("'1.1.0' is greater than the worker version '1.0.0'", self.failed(state).message)

    def test_one_that_a_worker_rejects_waits_for_another(self):
        rejecting = VersioningOptions(
            version="1.0.0",
            match_strategy=VersionMatchStrategy.STRICT,
            failure_strategy=VersionFailureStrategy.REJECT,
        )
        first = self.worker([version_of], prepare=lambda new: new.use_versioning(rejecting))
        waiting = self.start(version_of, version="2.0.0")
        with self.assertRaises(TimeoutError):
            self.client.wait_for_orchestration_completion(waiting, timeout=0.5)
        self.worker([version_of])
        self.assertEqual(self.completed(self.wait(waiting)), "2.0.0")
        first.stop()


def parent(ctx, version):
    result = yield ctx.call_sub_orchestrator(version_of, version=version)
    return result
