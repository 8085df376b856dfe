"""What all tests share: a client, workers that end with the test, and waiting for conditions.

The suite talks to the server whose address is in the environment variable `ENDPOINT` (host:port). It expects
nothing of what is stored there, and each test uses ids of its own: so it can run twice on one server.
"""

import json
import logging
import os
import threading
import time
import unittest
import uuid

from durabletask import client, worker

ENDPOINT = os.environ.get("ENDPOINT", "127.0.0.1:4001")
# Set where the suite runs against the server that the wheel ships for tests: see `against_the_wheel.py`.
WHEEL = os.environ.get("SERVER") == "wheel"
# How long a test waits for what must happen soon. Long, as machines under load are slow.
SOON = 60

Status = client.OrchestrationStatus

if not os.environ.get("LOGS"):
    logging.disable(logging.CRITICAL)


def wheel_differs(reason):
    """Leaves a test out where the server is the one of the wheel, which does not do what is documented."""
    return unittest.skipIf(WHEEL, "the server of the wheel differs: " + reason)


class Case(unittest.TestCase):
    """A test with a client, and with workers that end when it does."""

    def setUp(self):
        self.client = client.TaskHubGrpcClient(host_address=ENDPOINT)
        self.addCleanup(self.client.close)
        self._unended = []
        self.addCleanup(self._end_all)

    def worker(self, orchestrators=(), activities=(), entities=(), prepare=None, **options):
        """A worker that runs, and has these functions. `prepare` may set more before it starts."""
        new = worker.TaskHubGrpcWorker(host_address=ENDPOINT, **options)
        for function in orchestrators:
            new.add_orchestrator(function)
        for function in activities:
            new.add_activity(function)
        for function in entities:
            new.add_entity(function)
        if prepare:
            prepare(new)
        new.start()
        self.addCleanup(self._stop, new)
        return new

    def start(self, orchestrator, **options):
        """Starts an instance, which does not outlive the test."""
        instance_id = self.client.schedule_new_orchestration(orchestrator, **options)
        self._unended.append(instance_id)
        return instance_id

    def wait(self, instance_id):
        """How an instance has ended."""
        state = self.client.wait_for_orchestration_completion(instance_id, timeout=SOON)
        self.assertIsNotNone(state)
        return state

    def run_to_end(self, orchestrator, **options):
        return self.wait(self.start(orchestrator, **options))

    def output_of(self, orchestrator, **options):
        """What an orchestration returns that completes."""
        return self.completed(self.run_to_end(orchestrator, **options))

    def completed(self, state):
        self.assertEqual(state.runtime_status, Status.COMPLETED, state.failure_details)
        self.assertIsNone(state.failure_details)
        return None if state.serialized_output is None else json.loads(state.serialized_output)

    def failed(self, state):
        self.assertEqual(state.runtime_status, Status.FAILED, state.serialized_output)
        self.assertIsNotNone(state.failure_details)
        return state.failure_details

    def eventually(self, condition, what=None):
        """Waits until the condition holds, and gives what it gave."""
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail(what or "the condition has not come to hold")

    def status_of(self, instance_id):
        state = self.client.get_orchestration_state(instance_id)
        return state and state.runtime_status

    def waits_with(self, instance_id, custom_status):
        """Waits until an orchestration has set this custom status: so it has come that far."""
        expected = json.dumps(custom_status)

        def reached():
            state = self.client.get_orchestration_state(instance_id)
            return state is not None and state.serialized_custom_status == expected

        self.eventually(reached, f"{instance_id} has not come to {custom_status}")

    @staticmethod
    def _stop(stopped):
        # It leaves its stream at once, and needs a second more until its threads have ended. What a server has sent
        # meanwhile must come again to the worker of the next test; the server of the wheel loses it.
        if WHEEL:
            stopped.stop()
        else:
            threading.Thread(target=stopped.stop).start()

    def _end_all(self):
        for instance_id in self._unended:
            state = self.client.get_orchestration_state(instance_id)
            if state and state.runtime_status not in (Status.COMPLETED, Status.FAILED, Status.TERMINATED):
                self.client.terminate_orchestration(instance_id)


class Calls:
    """Counts calls from threads of workers, and keeps what they were called with."""

    def __init__(self):
        self._lock = threading.Lock()
        self.seen = []

    def add(self, value=None):
        """Notes a call, and says the how manieth it is."""
        with self._lock:
            self.seen.append(value)
            return len(self.seen)

    @property
    def count(self):
        with self._lock:
            return len(self.seen)


def new_id(prefix="test"):
    return f"{prefix}-{uuid.uuid4().hex}"
