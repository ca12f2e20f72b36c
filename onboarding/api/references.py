"""What a partner calls a homeowner: its own text, which stands in addresses, lists and logs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from onboarding.flow_links import LONGEST_REFERENCE


class Reference(serializers.CharField):
    """A reference as its partner gave it, to the letter."""

    default_error_messages = {"unprintable": "A reference is text that can be printed, on one line."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": LONGEST_REFERENCE, "trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if not text.isprintable():
            self.fail("unprintable")
        return text
