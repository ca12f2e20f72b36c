"""The API: every app's resources under /api/v1/."""

from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from gateways.api.events import Events
from gateways.api.gateway_types import PREFIX, GatewayTypes
from gateways.api.gateways import GATEWAY_ID, Gateways
from gateways.api.keys import GatewayKeys, TypeKeys
from gateways.api.me import Me
from gateways.api.personal import Personal
from gateways.api.registration import Registration
from gateways.rest import pages, problems
from gateways.rest.requests import UUID
from ingest.api import passthrough
from ingest.api.credentials import VendorCredentials
from ingest.api.ders import SN, Ders, GatewayDers
from ingest.api.energy import Energy
from ingest.api.gateways import AtSen
from ingest.api.messages import MESSAGE_ID, Attempts, Messages
from ingest.api.pulls import Pulls
from ingest.api.queues import QueueOfGateway, Queues
from ingest.api.statistics import Statistics
from ingest.api.systems import Systems
from ingest.api.telemetry import Telemetry
from ingest.api.vendors import Vendors
from onboarding.api.connections import Connections
from onboarding.api.consents import Consents
from onboarding.api.enrollments import Enrollments
from onboarding.api.flows import JoinFlows
from onboarding.api.homeowners import Homeowners
from onboarding.api.homes import Homes
from onboarding.api.invitations import Invitations
from onboarding.api.journeys import Journeys
from onboarding.api.webhooks import WebhookDeliveries, Webhooks

router = SimpleRouter(trailing_slash=False)
router.register("connections", Connections, basename="connections")
router.register(f"connections/(?P<connection>{UUID})/pulls", Pulls, basename="connection-pulls")
router.register(f"ders/(?P<sn>{SN})/telemetry", Telemetry, basename="telemetry")
router.register("ders", Ders, basename="ders")
router.register("consents", Consents, basename="consents")
router.register("enrollments", Enrollments, basename="enrollments")
router.register("events", Events, basename="events")
router.register("gateway-types", GatewayTypes, basename="gateway-types")
router.register(f"gateway-types/(?P<prefix>{PREFIX})/keys", TypeKeys, basename="gateway-type-keys")
router.register("gateways/registration", Registration, basename="registration")
router.register("gateways", Gateways, basename="gateways")
router.register("gateways", Personal, basename="gateway")
router.register("gateways", AtSen, basename="gateway-at-sen")
router.register("gateways", QueueOfGateway, basename="gateway-queue")
router.register(f"gateways/(?P<gateway>{GATEWAY_ID})/keys", GatewayKeys, basename="gateway-keys")
router.register(f"gateways/(?P<gateway>{GATEWAY_ID})/ders", GatewayDers, basename="gateway-ders")
router.register(f"gateways/(?P<gateway>{GATEWAY_ID})/statistics", Statistics, basename="statistics")
router.register("homeowners", Homeowners, basename="homeowners")
router.register("invitations", Invitations, basename="invitations")
router.register("journeys", Journeys, basename="journeys")
router.register("join-flows", JoinFlows, basename="join-flows")
router.register("messages", Messages, basename="messages")
router.register(f"messages/(?P<message>{MESSAGE_ID})/attempts", Attempts, basename="message-attempts")
router.register("queues", Queues, basename="queues")
router.register("sites", passthrough.Sites, basename="sites")
router.register("solar-inverters", passthrough.SolarInverters, basename="solar-inverters")
router.register("batteries", passthrough.Batteries, basename="batteries")
router.register("meters", passthrough.Meters, basename="meters")
router.register("systems", Systems, basename="systems")
router.register("systems", Homes, basename="system-gateway")
router.register("vendor-credentials", VendorCredentials, basename="vendor-credentials")
router.register("vendors", Vendors, basename="vendors")
router.register("webhooks", Webhooks, basename="webhooks")
router.register(f"webhooks/(?P<webhook>{UUID})/deliveries", WebhookDeliveries, basename="webhook-deliveries")

urlpatterns = [
    path("v1/me", Me.as_view({"get": "retrieve"}), name="me"),
    re_path(f"^v1/gateways/(?P<gateway>{GATEWAY_ID})/energy$", Energy.as_view({"get": "retrieve"}), name="energy"),
    path("v1/", include(router.urls)),
    path("schema", pages.schema, name="api-schema"),
    path("docs", pages.docs, name="api-docs"),
    path("problems", pages.problem_list, name="api-problems"),
    re_path("", problems.not_found),
]
