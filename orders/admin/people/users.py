"""Users and groups in the desk's look: which accounts a person sees, and a lost second factor."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.forms import BooleanField, CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp import admin as totp_admin  # noqa: F401 - registers what is unregistered here
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from brokers.desk import NamedList
from brokers.display import NOTHING, moment
from brokers.models import BrokerAccount
from orders.admin.people.login import LoginForm, forget_second_factor, secret_of
from orders.admin.shared.pages import person_of, show
from orders.controls.persons.logins import login_changed
from orders.controls.persons.rights import change_rights
from orders.models import DeskProfile

PERSON = ("first_name", "last_name", "role", "accounts", "second_factor")


def in_words(message: Any) -> str:
    """What Django's log of the desk says was changed."""
    entry = LogEntry(change_message=message if isinstance(message, str) else json.dumps(message))
    return str(entry.get_change_message())


admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.unregister(TOTPDevice)  # its page would show the secret
# Not by unfold's setting: that imports the form before the models are there.
admin.site.login_form = LoginForm


class PersonForm(UserCreationForm):
    """A new person of the desk: login, role, accounts and second factor at once."""

    role = ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, widget=CheckboxSelectMultiple, label="Role"
    )
    accounts = ModelMultipleChoiceField(
        BrokerAccount.objects.order_by("code"), required=False, widget=CheckboxSelectMultiple
    )
    second_factor = BooleanField(
        required=False,
        label="Make the second factor now",
        help_text="Its secret is shown once, for the person's authenticator app. Else they set one up.",
    )


class ProfileInline(StackedInline):
    """The person's accounts; who may see all accounts needs none."""

    model = DeskProfile
    fields = ("accounts",)
    can_delete = False
    min_num = max_num = 1

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """All accounts at a glance."""
        return super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "widget": CheckboxSelectMultiple}
        )


@admin.register(User)
class UserAdmin(DjangoUserAdmin, NamedList):  # type: ignore[type-arg, misc]
    """People of the desk, and the users that stand for API clients."""

    form = UserChangeForm
    add_form = PersonForm
    add_fieldsets: Any = ((None, {"fields": ("username", "password1", "password2", *PERSON)}),)
    change_password_form = AdminPasswordChangeForm
    inlines = (ProfileInline,)
    actions = ("remove_second_factor",)
    list_display = (
        "username",
        "full_name",
        "roles",
        "sees",
        "second_factor",
        "may_log_in",
        "of_the_desk",
        "may_everything",
        "logged_in",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With what a row shows."""
        return super().get_queryset(request).prefetch_related("groups", "desk__accounts", "totpdevice_set")

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        """A new person gets accounts on the form that makes them."""
        return self.inlines if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Roles are given by superusers alone, also to who is new."""
        found = super().get_fieldsets(request, obj)
        if obj is None and not request.user.is_superuser:
            names = tuple(name for name in found[0][1]["fields"] if name != "role")
            return ((None, {"fields": names}),)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Who is made here is a person of the desk."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Role, accounts and second factor of a new person."""
        super().save_related(request, form, formsets, change)
        if change:
            return
        said, person = form.cleaned_data, form.instance
        if request.user.is_superuser:
            person.groups.set(said["role"])
        if said["accounts"]:
            DeskProfile.objects.get_or_create(user=person)[0].accounts.set(said["accounts"])
        if said["second_factor"]:
            TOTPDevice.objects.create(user=person, confirmed=True, name="app")

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: Any = None) -> HttpResponse:
        """The person's page; before it, once, the secret of the second factor."""
        device = TOTPDevice.objects.filter(user=obj, confirmed=True).first()
        if device is None:
            return super().response_add(request, obj, post_url_continue)
        return show(request, "desk/person_made.html", f"{obj} is made", person=obj, **secret_of(device))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Who is no superuser makes none, and gives nobody rights one by one."""
        return () if request.user.is_superuser else ("is_superuser", "user_permissions", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody raises their own rights, and only a superuser touches a superuser."""
        allowed: bool = super().has_change_permission(request, obj)
        own_or_above = obj is not None and (obj.is_superuser or obj.pk == request.user.pk)
        return allowed and (request.user.is_superuser or not own_or_above)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """What a person did stays theirs: deactivate instead."""
        return False

    @admin.action(description="Remove the second factor (lost phone)", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The person can log in with the password alone and set a new one up."""
        for user in queryset:
            if self.has_change_permission(request, user) and forget_second_factor(user):
                self.log_change(request, user, "Removed the second factor.")
                messages.warning(request, f"{user} has no second factor any more.")

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """A new login counts as its maker's until somebody else confirms whose it is."""
        self._to_confirm(request, obj, "a new login")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """So does one whose rights, password or second factor another changed."""
        if message:
            self._to_confirm(request, obj, in_words(message))
        return super().log_change(request, obj, message)

    def _to_confirm(self, request: HttpRequest, user: User, what: str) -> None:
        if login_changed(user, by=person_of(request), what=what):
            text = f"Until a second person confirms it, {user} and you count as one: see Approvals."
            messages.warning(request, text)

    @admin.display(description="groups")
    def roles(self, user: User) -> str:
        """Groups of the person."""
        return ", ".join(group.name for group in user.groups.all()) or NOTHING

    @admin.display(description="accounts")
    def sees(self, user: User) -> str:
        """Accounts that the person was given."""
        profile: DeskProfile | None = getattr(user, "desk", None)
        return ", ".join(account.code for account in profile.accounts.all()) if profile else NOTHING

    @admin.display(description="name", ordering="last_name")
    def full_name(self, user: User) -> str:
        """First and last name."""
        return user.get_full_name() or NOTHING

    @admin.display(description="active", ordering="is_active")
    def may_log_in(self, user: User) -> str:
        """Whether the login is in force."""
        return "yes" if user.is_active else "no"

    @admin.display(description="at the desk", ordering="is_staff")
    def of_the_desk(self, user: User) -> str:
        """Whether it is a person of the desk, or stands for a client."""
        return "yes" if user.is_staff else "no"

    @admin.display(description="superuser", ordering="is_superuser")
    def may_everything(self, user: User) -> str:
        """Whether every right is theirs."""
        return "yes" if user.is_superuser else "no"

    @admin.display(description="last login", ordering="last_login")
    def logged_in(self, user: User) -> SafeString:
        """When the person last logged in."""
        return moment(user.last_login)

    @admin.display(description="second factor")
    def second_factor(self, user: User) -> str:
        """Whether it is set up."""
        devices: Any = user.totpdevice_set
        return "yes" if any(device.confirmed for device in devices.all()) else "no"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, NamedList):  # type: ignore[misc]
    """Groups of rights."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """A group's rights are its members' rights: for superusers alone."""
        return bool(request.user.is_superuser)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What it gives waits for a second person; what it takes away holds at once."""
        wanted = form.cleaned_data.get("permissions", ())
        if change_rights(form.instance, wanted, by=person_of(request)):
            messages.warning(
                request, "The new rights wait until a second person approves them: see Approvals."
            )
