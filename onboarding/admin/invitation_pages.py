"""Pages of invitations: a link to hand on with its poster, and many from a list."""

from __future__ import annotations

from typing import Any

import qrcode
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone, translation
from qrcode.image.svg import SvgPathImage
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from gateways import access
from gateways.access import Duty
from gateways.models import Partner
from onboarding import emails, invitation_csv, invitations, logos
from onboarding.admin.pages import AdminPage
from onboarding.models import Invitation

_MOST_BYTES = 500_000


class LinkView(AdminPage):
    """Makes the link of an invitation, shown on the answer and never again, and its poster."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show("admin/invitation_link.html", "Link", original=self._invitation(request, pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        invitation = self._invitation(request, pk)
        try:
            path = invitations.renew(invitation=invitation, by=self.user, now=timezone.now())
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(request.path)
        link = emails.absolute(path)
        with translation.override(invitation.language or translation.get_language()):
            return self.show(
                "admin/invitation_link.html", "Link", original=invitation, link=link, code=_code(link),
                logo=logos.data_address(invitation.partner.join_page),
            )  # fmt: skip

    def _invitation(self, request: HttpRequest, pk: int) -> Invitation:
        """Return one that a link can be handed on of; what is mailed has its link in the mail alone."""
        rows = self.model_admin.limit(Invitation.objects.select_related("partner__join_page"), request, Duty.OPERATE)
        invitation: Invitation = get_object_or_404(rows, pk=pk, email="", partner__join_page__isnull=False)
        return invitation


class ListForm(forms.Form):
    """A list of people, from a file or typed."""

    partner = forms.ModelChoiceField(Partner.objects.none(), widget=UnfoldAdminSelectWidget)
    file = forms.FileField(required=False, widget=UnfoldAdminFileFieldWidget, help_text="A CSV file, in UTF-8.")
    rows = forms.CharField(
        required=False, strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 10, "spellcheck": "false"}),
        help_text="Or the rows themselves. The first line names the columns: email, name, language, vendor, reference.",
    )  # fmt: skip

    def __init__(self, *args: Any, request: HttpRequest) -> None:
        super().__init__(*args)
        choices: Any = self.fields["partner"]
        choices.queryset = access.partners(request.user, Duty.OPERATE).filter(join_page__isnull=False)

    def clean(self) -> dict[str, Any]:
        """Read the list; a file takes the place of what was typed."""
        answers = super().clean() or {}
        text = _text_of(answers["file"]) if answers.get("file") else answers.get("rows", "")
        self.data = {**{name: self.data[name] for name in self.data}, "rows": text}
        if partner := answers.get("partner"):
            answers["people"] = invitation_csv.read(text, partner=partner, now=timezone.now())
        return answers


class ManyView(AdminPage):
    """Shows what would be sent, and what is wrong with which row, before anything is sent."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._ask(ListForm(request=request))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ListForm(request.POST, request.FILES, request=request)
        if not form.is_valid():
            return self._ask(form)
        good = [row for row in form.cleaned_data["people"] if not row.problems]
        if "send" not in request.POST or not good:
            return self._ask(form, people=form.cleaned_data["people"], good=good)
        try:
            invitations.invite_many(
                partner=form.cleaned_data["partner"], people=[row.fields for row in good], by=self.user,
                now=timezone.now(),
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
            return self._ask(form, people=form.cleaned_data["people"], good=good)
        messages.success(request, f"Invited: {len(good)}. The mails leave within the next minutes.")
        return HttpResponseRedirect(reverse("admin:onboarding_invitation_changelist"))

    def _ask(self, form: ListForm, **context: Any) -> HttpResponse:
        if not self.model_admin.has_add_permission(self.request):
            raise PermissionDenied
        return self.show("admin/invite_many.html", "Invite many", form=form, **context)


def _code(link: str) -> str:
    """Return a link as a QR code, an SVG that takes the color of the text around it."""
    image = qrcode.make(link, image_factory=SvgPathImage, error_correction=qrcode.constants.ERROR_CORRECT_M)
    svg: str = image.to_string(encoding="unicode")
    return svg


def _text_of(file: Any) -> str:
    if file.size > _MOST_BYTES:
        msg = "The file is larger than 500 kB."
        raise ValidationError(msg)
    try:
        text: str = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = "The file is not in UTF-8: save it as “CSV UTF-8”."
        raise ValidationError(msg) from error
    return text
