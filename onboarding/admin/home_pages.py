"""Staff bring a home in themselves: the account, then its home with gateway, wallet and place."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from gateways.access import Duty
from gateways.admin import columns
from gateways.admin.acts import PartnerForm
from gateways.admin.base import choices_of
from gateways.models import Coordinates, GatewayType, Partner
from ingest import vendors
from ingest.admin.base import REFUSALS
from ingest.models import Connection, System
from ingest.vendors.base import OAuth2Code
from onboarding import actions, linking
from onboarding.admin.pages import AdminPage

_SHOWN = 100


class WhoseHomeForm(PartnerForm):
    vendor = forms.ChoiceField(choices=vendors.choices, widget=UnfoldAdminSelectWidget)


class AccountView(AdminPage):
    """The first page: whose home, at which vendor, and through which account it is read."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not self.model_admin.may(request, Duty.OPERATE):
            raise PermissionDenied
        form = WhoseHomeForm(request.GET or None, request=request)
        if not form.is_valid():
            return self.show("admin/onboard_account.html", "Onboard a home", form=form)
        partner, vendor = form.cleaned_data["partner"], form.cleaned_data["vendor"]
        accounts = Connection.objects.filter(partner=partner, vendor=vendor).exclude(
            status=Connection.Status.DISCONNECTED
        )
        return self.show(
            "admin/onboard_account.html", "Onboard a home", form=form, partner=partner,
            vendor=vendors.adapter_class(vendor).label, accounts=accounts[:_SHOWN],
            connect=_connect_url(partner, vendor), invite=_invite_url(partner, vendor),
        )  # fmt: skip


class HomeForm(forms.Form):
    """All there is to say of a home that staff bring in; what comes from the vendor is not asked."""

    map = True
    system = forms.ModelChoiceField(System.objects.none(), label="Home", widget=UnfoldAdminSelectWidget)
    gateway_type = forms.ModelChoiceField(GatewayType.objects.none(), widget=UnfoldAdminSelectWidget)
    address = forms.CharField(
        label="Wallet", max_length=64, required=False, widget=UnfoldAdminTextInputWidget,
        help_text="The Solana address that gets the rewards. Empty: named later.",
    )  # fmt: skip
    latitude = forms.DecimalField(
        max_digits=9, required=False, widget=UnfoldAdminDecimalFieldWidget,
        help_text="Degrees, north positive, e.g. 59.33. Empty: what the vendor knows.",
    )  # fmt: skip
    longitude = forms.DecimalField(
        max_digits=9, required=False, widget=UnfoldAdminDecimalFieldWidget,
        help_text="Degrees, east positive, e.g. 18.07",
    )  # fmt: skip
    source = forms.ChoiceField(
        choices=Coordinates.Source, initial=Coordinates.Source.TYPED, required=False, widget=forms.HiddenInput
    )

    def __init__(self, data: Any, *, request: HttpRequest, connection: Connection, systems: QuerySet[System]) -> None:
        super().__init__(data)
        homes: Any = self.fields["system"]
        homes.queryset = systems
        types: Any = self.fields["gateway_type"]
        types.queryset = choices_of(admin.site, GatewayType, request, Duty.OPERATE).filter(partner=connection.partner)

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        if (answers.get("latitude") is None) != (answers.get("longitude") is None):
            self.add_error("longitude", "A place has both latitude and longitude.")
        answers["source"] = answers.get("source") or Coordinates.Source.TYPED
        return answers


class HomeView(AdminPage):
    """The second page: which of the account's homes, and what its gateway needs."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._connection(request, pk)
        return self._ask(connection, self._form(connection, None))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._connection(request, pk)
        if "look" in request.POST:
            return self._look(connection)
        form = self._form(connection, request.POST)
        if form.is_valid():
            try:
                gateway = actions.set_up_home(by=self.user, now=timezone.now(), **form.cleaned_data)
            except REFUSALS as error:
                form.add_error(None, "; ".join(getattr(error, "messages", [str(error)])))
            else:
                messages.success(request, f"{gateway} was made. Next: register it, then incept and activate it.")
                return HttpResponseRedirect(columns.page(gateway))
        return self._ask(connection, form)

    def _look(self, connection: Connection) -> HttpResponse:
        try:
            for trouble in linking.look_around(connection, clock=timezone.now):
                messages.warning(self.request, trouble)
        except REFUSALS as error:
            messages.error(self.request, str(error))
        return HttpResponseRedirect(self.request.get_full_path())

    def _ask(self, connection: Connection, form: HomeForm) -> HttpResponse:
        return self.show(
            "admin/onboard_home.html", f"Onboard a home of {connection}", connection=connection, form=form,
            systems=self._systems(connection).prefetch_related("ders")[:_SHOWN], q=self.request.GET.get("q", ""),
        )  # fmt: skip

    def _form(self, connection: Connection, data: Any) -> HomeForm:
        return HomeForm(data, request=self.request, connection=connection, systems=self._systems(connection))

    def _systems(self, connection: Connection) -> QuerySet[System]:
        """Return the homes without a gateway; a fleet has thousands, so they can be searched."""
        rows = connection.systems.filter(gateway=None, gone_at=None)
        if q := self.request.GET.get("q", "").strip():
            matching = Q(name__icontains=q) | Q(external_id__icontains=q) | Q(ders__sn__icontains=q)
            rows = connection.systems.filter(pk__in=rows.filter(matching).values("pk"))
        return rows

    def _connection(self, request: HttpRequest, pk: int) -> Connection:
        rows = self.model_admin.limit(Connection.objects.select_related("partner", "credential"), request, Duty.OPERATE)
        connection: Connection = get_object_or_404(rows, pk=pk)
        return connection


def _connect_url(partner: Partner, vendor: str) -> str:
    """Return where staff connect another account, which they can with keys; empty where only owners can."""
    schemes = vendors.adapter_class(vendor).schemes
    if all(isinstance(scheme, OAuth2Code) for scheme in schemes):
        return ""
    return reverse("admin:ingest_connection_add", query={"partner": partner.pk, "vendor": vendor, "onboard": "yes"})


def _invite_url(partner: Partner, vendor: str) -> str:
    """Return where staff ask the owner, who alone can consent at the vendor."""
    return reverse("admin:onboarding_invitation_add", query={"partner": partner.pk, "vendor": vendor})
