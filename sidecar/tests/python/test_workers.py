"""Several workers, and workers that go away in the middle of their work."""

import os
import subprocess
import sys
import threading

from durabletask import task
from durabletask.worker import ConcurrencyOptions

from support import ENDPOINT, Case, Status, wheel_differs


def echo(_, value):
    return value


def chain(ctx, steps):
    for step in range(steps):
        yield ctx.call_activity(echo, input=step)
    return steps


class SeveralWorkers(Case):
    def test_they_share_the_work(self):
        gate = threading.Barrier(2, timeout=30)

        def meet(_, value):
            # Both come here only if each of them gets one: a worker has one place.
            gate.wait()
            return value

        def fan_out(ctx, _):
            results = yield task.when_all([ctx.call_activity(meet, input=n) for n in range(2)])
            return results

        one_place = ConcurrencyOptions(maximum_concurrent_activity_work_items=1)
        for _ in range(2):
            self.worker([fan_out], [meet], concurrency_options=one_place)
        self.assertEqual(self.output_of(fan_out), [0, 1])

    def test_a_worker_that_comes_later_takes_what_waits(self):
        ids = [self.start(chain, input=3) for _ in range(5)]
        self.worker([chain], [echo])
        for instance_id in ids:
            self.assertEqual(self.completed(self.wait(instance_id)), 3)

    def test_an_orchestration_goes_on_at_another_worker(self):
        def listen(ctx, _):
            ctx.set_custom_status("waiting")
            first = yield ctx.wait_for_external_event("first")
            second = yield ctx.call_activity(echo, input="second")
            return [first, second]

        first = self.worker([listen], [echo])
        instance_id = self.start(listen)
        self.waits_with(instance_id, "waiting")
        first.stop()
        self.worker([listen], [echo])
        self.client.raise_orchestration_event(instance_id, "first", data="first")
        self.assertEqual(self.completed(self.wait(instance_id)), ["first", "second"])

    def test_a_worker_can_start_again(self):
        worker = self.worker([chain], [echo])
        self.assertEqual(self.output_of(chain, input=1), 1)
        worker.stop()
        waiting = self.start(chain, input=2)
        worker.start()
        self.assertEqual(self.completed(self.wait(waiting)), 2)


# A worker in a process of its own: it dies in the middle of an activity, or of a decision.
DYING = """
import os, sys, threading
from durabletask import worker

def begin(_, value):
    print("in the activity", flush=True)
    sys.stdin.read()

def order(ctx, where):
    if where == "decision":
        print("in the decision", flush=True)
        sys.stdin.read()
    result = yield ctx.call_activity("begin", input=where)
    return f"finished by the second: {result}"

w = worker.TaskHubGrpcWorker(host_address=os.environ["ENDPOINT"])
w.add_orchestrator(order)
w.add_activity(begin)
w.start()
threading.Event().wait()
"""


def begin(_, value):
    return value


def order(ctx, where):
    result = yield ctx.call_activity("begin", input=where)
    return f"finished by the second: {result}"


class DyingWorkers(Case):
    def die_in(self, where):
        dying = subprocess.Popen(
            [sys.executable, "-c", DYING],
            env={**os.environ, "ENDPOINT": ENDPOINT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            instance_id = self.start(order, input=where)
            self.assertIn(where, dying.stdout.readline())
        finally:
            dying.kill()
            dying.wait()
            dying.stdin.close()
            dying.stdout.close()
        self.assertIn(self.status_of(instance_id), (Status.RUNNING, Status.PENDING))
        self.worker([order], [begin])
        self.assertEqual(self.completed(self.wait(instance_id)), f"finished by the second: {where}")

    @wheel_differs("what a worker has not answered is lost")
    def test_an_activity_runs_again_elsewhere(self):
        self.die_in("activity")

    @wheel_differs("what a worker has not answered is lost")
    def test_a_decision_is_made_again_elsewhere(self):
        self.die_in("decision")

