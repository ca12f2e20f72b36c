"""Puts a Celery task for each of the oldest waiting messages into the broker."""

from __future__ import annotations

import json

import bench.portal  # noqa: F401  before the models
from bench import celery_worker, naive, role
from config.celery import app
from ingest import sen
from ingest.models import Message

_URL = sen.data_url("sandbox")


def answer(*, task: str, messages: int) -> None:
    """Send the tasks `post` or `deliver`."""
    rows = Message.objects.order_by("pk").values_list("pk", "gateway__serial", "der__sn", "payload")[:messages]
    for pk, serial, sn, payload in rows.iterator():
        known = (
            {"message_id": pk}
            if task == "deliver"
            else {"headers": naive.header(serial, sn), "payload": json.loads(payload)}
        )
        app.send_task(f"bench.naive.{task}", kwargs={"url": _URL, **known}, queue=celery_worker.QUEUE)


if __name__ == "__main__":
    role.serve(answer)
