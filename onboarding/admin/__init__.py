"""The admin of journeys: what it adds to that of the data plane, and the rows of its own."""

from onboarding.admin import connection, consent, flow, invitation, join_page, journey, system, webhook

__all__ = ["connection", "consent", "flow", "invitation", "join_page", "journey", "system", "webhook"]
