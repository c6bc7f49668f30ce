"""Drives the workflows of a Rust worker with Temporal's Python client and prints what it sees."""

import asyncio
import datetime
import os
import sys

from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

QUEUE = "shop"
BELL = {"name": "bell", "count": 1}


async def main() -> None:
    address, namespace = sys.argv[1:3]
    client = await Client.connect(address, namespace=namespace)

    order = await client.start_workflow("Order", BELL, id="order", task_queue=QUEUE)
    print("query", await order.query("count"))
    print("update", await order.execute_update("add", {"name": "ball", "count": 1}))
    try:
        await order.execute_update("add", {"name": "nothing", "count": 0})
    except WorkflowUpdateFailedError as error:
        print("rejected", error.cause.message)
    await order.signal("close")
    print("result", await order.result())

    broken = await client.start_workflow(
        "Order",
        {"name": "broken", "count": 1},
        id="broken",
        task_queue=QUEUE,
        start_signal="close",
    )
    try:
        await broken.result()
    except WorkflowFailureError as error:
        activity = error.cause
        cause = activity.cause
        print(
            "failed",
            type(activity).__name__,
            "<-",
            type(cause).__name__,
            cause.type,
            cause.message,
            cause.non_retryable,
            list(cause.details),
        )

    packing = await client.start_workflow("Packing", BELL, id="packing", task_queue=QUEUE)
    await until_running(packing)
    await packing.cancel()
    try:
        await packing.result()
    except WorkflowFailureError as error:
        print("cancelled", type(error.cause).__name__)

    order = await client.start_workflow("Order", BELL, id="second", task_queue=QUEUE)
    await order.terminate(reason="enough")
    try:
        await order.result()
    except WorkflowFailureError as error:
        print("terminated", type(error.cause).__name__)
    print("because", (await last_event(order)).workflow_execution_terminated_event_attributes.reason)

    order = await client.start_workflow("Order", BELL, id="third", task_queue=QUEUE)
    try:
        await order.query("nothing")
    except WorkflowQueryFailedError as error:
        print("query failed", str(error).split(";")[0])

    try:
        await client.start_workflow("Order", BELL, id="third", task_queue=QUEUE)
    except WorkflowAlreadyStartedError as error:
        print("already started", error.workflow_id)
    described = await order.describe()
    print("described", described.status.name, described.workflow_type, described.task_queue)
    while not (listed := [it async for it in client.list_workflows("WorkflowId = 'third'")]):
        await asyncio.sleep(0.1)
    print("listed", listed[0].id, listed[0].status.name)
    running = "WorkflowType = 'Order' AND ExecutionStatus = 'Running'"
    print("running", (await client.count_workflows(running)).count)
    ended = "WorkflowType = 'Order' AND ExecutionStatus IN ('Completed', 'Failed') GROUP BY ExecutionStatus"
    groups = (await client.count_workflows(ended)).groups
    print("grouped", sorted((group.group_values[0], group.count) for group in groups))
    history = await order.fetch_history()
    print("first", EventType.Name(history.events[0].event_type))
    try:
        await client.get_workflow_handle("nobody").describe()
    except RPCError as error:
        print("unknown", error.status.name, error.message)
    await updates_with_start(client)


async def updates_with_start(client: Client) -> None:
    policies, nobody = WorkflowIDConflictPolicy, {"name": "nothing", "count": 0}

    async def update(said, name="add", value=BELL, id="u", policy=policies.USE_EXISTING, queue=QUEUE, limit=None, **more):
        start = WithStartWorkflowOperation(
            "Order", BELL, id="both", task_queue=queue, id_conflict_policy=policy, **more
        )
        try:
            result = await client.execute_update_with_start_workflow(
                name, value, id=id, start_workflow_operation=start, rpc_timeout=limit
            )
            described = await (await start.workflow_handle()).describe()
            print(said, result, described.status.name)
        except WorkflowUpdateFailedError as error:
            print(said, "refused", error.cause.message.split(";")[0])
        except WorkflowAlreadyStartedError as error:
            print(said, "already started", error.workflow_id)
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            print(said, "in time")

    await update("started with update")
    await update("the same update", value=nobody)
    await update("the same update, fail", policy=policies.FAIL)
    await update("another update, fail", id="v", policy=policies.FAIL)
    await update("another update", id="v")
    await update("invalid update", id="w", value=nobody)
    await update("unknown update", id="x", name="nothing")
    order = client.get_workflow_handle("both")
    found = order.get_update_handle("v")
    print("update found", await found.result())
    await order.signal("close")
    await order.result()
    await update("the update of a closed run", id="v", id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE)
    await update("a closed run", id="y", id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE)
    await update("after a closed run", id="y")
    await update("replaced", id="z", policy=policies.TERMINATE_EXISTING)
    await order.terminate()
    await update("nobody there", queue="nobody", limit=datetime.timedelta(seconds=1))
    print("started", (await order.describe()).status.name)
    await order.terminate()
    start = WithStartWorkflowOperation(
        "Order", BELL, id="both", task_queue=QUEUE, id_conflict_policy=policies.FAIL
    )
    handle = await client.start_update_with_start_workflow(
        "add", BELL, wait_for_stage=WorkflowUpdateStage.ACCEPTED, start_workflow_operation=start
    )
    print("accepted", await handle.result())
    try:
        await order.get_update_handle("nothing").result()
    except RPCError as error:
        print("unknown update", error.status.name, error.message)


async def until_running(handle) -> None:
    while not (await handle.describe()).raw_description.pending_activities:
        await asyncio.sleep(0.05)


async def last_event(handle):
    return (await handle.fetch_history()).events[-1]


asyncio.run(main())
sys.stdout.flush()
# Not through the end of the interpreter: threads of the SDK outlive it now and then, and end the process as failed.
os._exit(0)
