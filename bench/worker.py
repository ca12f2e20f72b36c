"""The worker under test: runs the product's push, as its Celery task does, slice by slice."""

from __future__ import annotations

import resource
import time

from django.utils import timezone

import bench.portal  # noqa: F401  before the models
from bench import role
from ingest import push


def answer(*, seconds: float) -> dict[str, float]:
    """Push what is due for at most `seconds`; return messages, seconds and the process's greatest memory in MiB."""
    begin = time.monotonic()
    messages = push.push_due(clock=timezone.now, until=begin + seconds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"messages": messages, "seconds": time.monotonic() - begin, "memory_mib": memory}


if __name__ == "__main__":
    role.serve(answer)
