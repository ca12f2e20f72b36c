"""What the tests of the admin do to its pages."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client
from django.urls import reverse


def address(model: type[Model] | Model, page: str, *args: Any) -> str:
    opts = model._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=args)


def listed(client: Client, model: type[Model], **query: Any) -> list[Any]:
    """The rows on the first page of a list."""
    response = client.get(address(model, "changelist"), query)
    assert response.status_code == 200, response
    return list(response.context["cl"].result_list)


def act(client: Client, name: str, *rows: Model, **answers: Any) -> list[str]:
    """Do an act from the list, confirmed, and return what the user is told."""
    client.cookies.pop("messages", None)  # what was told before and no page has shown yet
    asked = {"confirmed": "yes", **answers}
    return told(client.post(address(rows[0], "changelist"), chosen(name, *rows) | asked))


def chosen(name: str, *rows: Model) -> dict[str, Any]:
    return {"action": name, "index": "0", "_selected_action": [row.pk for row in rows]}


def told(response: Any) -> list[str]:
    assert response.status_code == 302, response.content.decode()
    return [str(message) for message in get_messages(response.wsgi_request)]
