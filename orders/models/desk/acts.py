"""What belongs to the people of the desk: what they may see, what they did and why, their views and jobs."""

from __future__ import annotations

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class DeskProfile(models.Model):
    """The accounts of a person; who may see all accounts (a permission) needs none here."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="desk")
    accounts = models.ManyToManyField("brokers.BrokerAccount", blank=True, related_name="people")

    def __str__(self) -> str:
        return f"accounts of {self.user}"


class DeskAction(models.TextChoices):
    """What a person can do to an order, a break or a session."""

    CANCEL = "CANCEL", "Cancel asked"
    REPLACE = "REPLACE", "Replace asked"
    SEND_AGAIN = "SEND_AGAIN", "Sent again"
    GIVE_UP = "GIVE_UP", "Given up"
    RELEASE = "RELEASE", "Released"
    REVIEW = "REVIEW", "Marked reviewed"
    PAUSE = "PAUSE", "Sending paused"
    RESUME = "RESUME", "Sending resumed"
    RECONCILE = "RECONCILE", "Comparison asked"


class ActionRecord(models.Model):
    """One press of a button: who, what, why, and what came of it.

    The key is made when the form is shown, so a second click, a reload or Back finds the first answer.
    """

    key = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="actions")
    action = models.CharField(max_length=12, choices=DeskAction.choices)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, null=True, related_name="actions")
    session = models.ForeignKey(
        "brokers.GatewaySession", on_delete=models.PROTECT, null=True, related_name="actions"
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    ok = models.BooleanField(default=False)
    outcome = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "orders_deskact"
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} by {self.user}"


class SavedView(models.Model):
    """A named set of filters of the blotter: its query string."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000)
    shared = models.BooleanField(default=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="saved_view_unique_name")]

    def __str__(self) -> str:
        return self.name


class DeskSettings(models.Model):
    """How a person wants the desk's pages: kept on the server, so that every browser shows the same."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="desk_settings"
    )
    #: Columns of the blotter in their order; empty: as the desk comes.
    columns = models.JSONField(default=list, blank=True)
    #: By what happened, how it is told: {"FILL": ["SOUND", "DESKTOP"]}.
    notices = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"settings of {self.user}"


class JobKind(models.TextChoices):
    """What a job does with each row."""

    PLACE = "PLACE", "Basket"
    CANCEL = "CANCEL", "Bulk cancel"
    REPLACE = "REPLACE", "Bulk replace"


class DeskJob(models.Model):
    """Many requests of one person, worked row by row: a basket, or a bulk cancel.

    `started_at` null means that it is only a preview: nothing is sent before a person confirms it.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=JobKind.choices)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="desk_jobs")
    name = models.CharField(max_length=200)
    #: Of a cancel why; of a basket what of its file was not read.
    reason = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("place_basket", "Can upload and send a basket of orders")]

    def __str__(self) -> str:
        return self.name


class DeskJobRow(models.Model):
    """One request of a job. `done_at` is set in the transaction that recorded the request."""

    job = models.ForeignKey(DeskJob, on_delete=models.CASCADE, related_name="rows")
    line = models.IntegerField()
    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, null=True)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, null=True, related_name="job_rows")
    #: What the row asks for, as text by column.
    fields = models.JSONField(default=dict)
    #: Why it cannot be worked, by column; empty when it can.
    errors = models.JSONField(default=dict)
    done_at = models.DateTimeField(null=True, blank=True)
    ok = models.BooleanField(default=False)
    outcome = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["job", "line"]
        constraints = [models.UniqueConstraint(fields=["job", "line"], name="desk_job_row_unique_line")]
        indexes = [
            models.Index(fields=["job", "line"], condition=models.Q(done_at=None), name="desk_job_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.job_id} line {self.line}"
