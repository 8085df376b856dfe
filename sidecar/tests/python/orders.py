"""Orders that must end right whatever is killed: a worker for them, and a client that starts and checks them.

    python orders.py worker
    python orders.py start COUNT PREFIX
    python orders.py check COUNT PREFIX

The worker prints a line for each step that it runs. Steps may run twice where something is killed; what they come to
may count once only: the totals of orders, and the balances of entities.
"""

import sys
import threading
from datetime import timedelta

from durabletask import client, entities, task, worker

from support import ENDPOINT, SOON, Status

STEPS = 8


class Till(entities.DurableEntity):
    def pay(self, amount):
        self.set_state(self.get_state(int, 0) + amount)


def step(_, value):
    # In one piece: several threads write.
    sys.stdout.write("step\n")
    sys.stdout.flush()
    return value + 1


def till(key):
    return entities.EntityInstanceId("Till", key)


def half(ctx, value):
    for _ in range(STEPS // 2):
        value = yield ctx.call_activity(step, input=value)
    return value


def order(ctx, key):
    total = yield ctx.call_sub_orchestrator(half, input=0)
    yield ctx.create_timer(timedelta(milliseconds=200))
    totals = yield task.when_all([ctx.call_activity(step, input=total) for _ in range(2)])
    yield ctx.call_entity(till(key), "pay", input=1)
    yield ctx.wait_for_external_event("paid")
    total = yield ctx.call_sub_orchestrator(half, input=sum(totals))
    return total


def work():
    new = worker.TaskHubGrpcWorker(host_address=ENDPOINT)
    for each in (order, half):
        new.add_orchestrator(each)
    new.add_activity(step)
    new.add_entity(Till)
    new.start()
    threading.Event().wait()


def ids(count, prefix):
    return [f"{prefix}-{n}" for n in range(count)]


def start(hub, count, prefix):
    for each in ids(count, prefix):
        hub.schedule_new_orchestration(order, input=prefix, instance_id=each)
        hub.raise_orchestration_event(each, "paid")
    print(f"{count} started")


def check(hub, count, prefix):
    right = 2 * (STEPS // 2 + 1) + STEPS // 2
    for each in ids(count, prefix):
        state = hub.wait_for_orchestration_completion(each, timeout=2 * SOON)
        if state is None or state.runtime_status != Status.COMPLETED or state.get_output() != right:
            sys.exit(f"{each} has not ended right: {state}")
    balance = hub.get_entity(till(prefix)).get_typed_state()
    if balance != count:
        sys.exit(f"{count} orders have paid, and {balance} payments are there")
    print(f"{count} ended right")


def main():
    role, *arguments = sys.argv[1:]
    if role == "worker":
        work()
    with client.TaskHubGrpcClient(host_address=ENDPOINT) as hub:
        {"start": start, "check": check}[role](hub, int(arguments[0]), arguments[1])


if __name__ == "__main__":
    main()
