from __future__ import annotations


class Refused(Exception):
    """SEN does not do what it is asked; `status` is the HTTP status, the text is the body of the reply."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
