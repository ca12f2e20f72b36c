"""The admin of journeys: what it adds to that of the data plane, and the rows of its own."""

from onboarding.admin import system

__all__ = ["system"]
