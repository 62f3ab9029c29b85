"""Tasks that run beside a block of code."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def background() -> AsyncGenerator[TaskGroup]:
    """Give a task group whose tasks end with the block.

    Leaving the block cancels them. An exception of the block passes through as it is, not wrapped
    in a group, so that whoever uses a service can catch what they raised; one of a task cancels the
    block and comes out in a group.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except Exception as error:  # raised again below, outside the group
            failure = error
        finally:
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
