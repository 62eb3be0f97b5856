"""Refused logins that count against a name and an address, and letting a person try again at once."""

from __future__ import annotations

from axes.models import AccessAttempt
from axes.utils import reset
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from brokers.desk import LongListAdmin, moment


@admin.register(AccessAttempt)
class RefusedLoginAdmin(LongListAdmin):
    """Who was refused, from where, how often."""

    list_display = ("username", "ip_address", "failures_since_start", "at")
    ordering = ("-attempt_time",)
    search_fields = ("username", "ip_address")
    fields = ("username", "ip_address", "failures_since_start", "user_agent", "at")
    actions = ("let_in",)

    @admin.display(description="last try", ordering="attempt_time")
    def at(self, attempt: AccessAttempt) -> SafeString:
        """When the last of them was."""
        return moment(attempt.attempt_time)

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """By the right to forget what was counted."""
        return request.user.has_perm("axes.delete_accessattempt")

    @admin.action(description="Let these try again at once", permissions=["unlock"])
    def let_in(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Their count begins anew."""
        for attempt in queryset:
            reset(username=attempt.username, ip=attempt.ip_address)
            self.log_change(request, attempt, "Let in: refused logins do not count any more.")
            messages.warning(request, f"{attempt.username} can log in from {attempt.ip_address} again.")
