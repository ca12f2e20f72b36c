"""Users, their groups, addresses and second factors: a superuser's business, whoever's package they come from."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from gateways import access
from gateways.admin.base import PartnerAdmin

for _model in (User, Group, EmailAddress, Authenticator):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(PartnerAdmin, DjangoUserAdmin):  # type: ignore[type-arg]  # Django has no subscript for it
    partner_paths = access.INSTALLATION
    addable = editable = deletable = True
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "email", "is_staff", "is_superuser", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    # What staff may do comes from their memberships; Django's own permissions and groups are not asked.
    fieldsets = (
        (None, {"fields": ("username", "password", "email", "first_name", "last_name")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "usable_password", "password1", "password2", "is_staff")}),
    )
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class GroupAdmin(PartnerAdmin, DjangoGroupAdmin):
    partner_paths = access.INSTALLATION
    list_display = ("name",)
    addable = editable = deletable = True


@admin.register(EmailAddress)
class EmailAddressAdmin(PartnerAdmin):
    partner_paths = access.INSTALLATION
    addable = editable = deletable = True
    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email",)


@admin.register(Authenticator)
class AuthenticatorAdmin(PartnerAdmin):
    """A lost second factor is deleted here. Its secret stands in `data`, which is on no page."""

    partner_paths = access.INSTALLATION
    deletable = True
    fields = ("user", "type", "created_at", "last_used_at")
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
