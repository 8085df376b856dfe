"""What the order process has in Python: the payment, and an orchestration. `main.rs` runs it."""

import os
import signal

from durabletask import task, worker


def charge(_ctx: task.ActivityContext, cents: int) -> str:
    return f"{cents} cents paid in Python"


def order_in_python(ctx: task.OrchestrationContext, order: dict):
    reserved = yield ctx.call_activity("reserve", input=order["item"])
    paid = yield ctx.call_activity("charge", input=order["cents"])
    packed = yield ctx.call_activity("pack", input=order["item"])
    return f"Python: {reserved}, {paid}, {packed}"


with worker.TaskHubGrpcWorker(host_address=os.environ["ENDPOINT"]) as python:
    python.add_orchestrator(order_in_python)
    python.add_activity(charge)
    python.use_work_item_filters()  # the other names are those of other programs
    python.start()
    signal.sigwait({signal.SIGTERM})
