"""How fast a sidecar on a directory is, beside the in-memory server that the wheel ships: with the same worker in Python
for both, in turns, in one run.

    python beside_the_wheel.py PATH_OF_REENACT_SIDECAR

Needs the package `durabletask`. The server, the worker and the client are a process each.
"""

import logging
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from durabletask import client, task, worker

ROUNDS = 5

logging.disable(logging.CRITICAL)


def add(_, number):
    return number + 1


def sequence(ctx, count):
    number = 0
    for _ in range(count):
        number = yield ctx.call_activity(add, input=number)
    return number


def fan(ctx, count):
    numbers = yield task.when_all([ctx.call_activity(add, input=n) for n in range(count)])
    return len(numbers)


# What is measured: a name, the code, its input, and instances in a round, one after the other. Where 16 run at once, the
# server of the wheel loses some.
LOADS = [
    ("sequence of 5", sequence, 5, 20),
    ("fan-out of 100", fan, 100, 5),
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def serve(port):
    from durabletask.testing.in_memory_backend import create_test_backend

    create_test_backend(port=int(port))
    print("ready", flush=True)
    sys.stdin.read()


def work(address):
    with worker.TaskHubGrpcWorker(host_address=address) as running:
        for orchestrator in (sequence, fan):
            running.add_orchestrator(orchestrator)
        running.add_activity(add)
        running.start()
        print("ready", flush=True)
        sys.stdin.read()


def start(*arguments):
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("ready"), arguments
    return process


def milliseconds_each(address, orchestrator, count, instances):
    with client.TaskHubGrpcClient(host_address=address) as asked:
        began = time.monotonic()
        for _ in range(instances):
            instance_id = asked.schedule_new_orchestration(orchestrator, input=count)
            state = asked.wait_for_orchestration_completion(instance_id, timeout=120)
            assert state.serialized_output == str(count), state
        return (time.monotonic() - began) * 1000 / instances


def main(sidecar):
    here = [sys.executable, __file__]
    ports = {"wheel": free_port(), "sidecar": free_port()}
    with tempfile.TemporaryDirectory() as directory:
        processes = [
            start(*here, "serve", str(ports["wheel"])),
            start(sidecar, "--store", directory, "--port", str(ports["sidecar"])),
        ]
        processes += [start(*here, "work", f"127.0.0.1:{port}") for port in ports.values()]
        print(f"{'ms for each instance':24} {'wheel':>8} {'sidecar':>8} {'times as fast':>14}")
        for name, *load in LOADS:
            found = {server: [] for server in ports}
            for _ in range(ROUNDS):
                for server, port in ports.items():
                    found[server].append(milliseconds_each(f"127.0.0.1:{port}", *load))
            wheel, ours = (statistics.median(found[server]) for server in ports)
            print(f"{name:24} {wheel:8.1f} {ours:8.1f} {wheel / ours:14.2f}", flush=True)
        for process in reversed(processes):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    steps = {"serve": serve, "work": work}
    if sys.argv[1] in steps:
        steps[sys.argv[1]](sys.argv[2])
    else:
        main(sys.argv[1])
