"""Runs the suite against the in-memory server that the wheel ships: so one sees that the tests themselves are right.

    python against_the_wheel.py [arguments of unittest]
"""

import os
import socket
import sys
import unittest

from durabletask.testing.in_memory_backend import create_test_backend


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    port = free_port()
    os.environ.update(ENDPOINT=f"localhost:{port}", SERVER="wheel")
    server = create_test_backend(port=port)
    sys.path.insert(0, here)
    arguments = sys.argv[1:] or ["discover", "-s", here]
    outcome = unittest.main(module=None, argv=["unittest", *arguments], exit=False)
    server.stop()
    # The threads of its timers would keep the process.
    os._exit(0 if outcome.result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
