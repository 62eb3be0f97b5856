"""Rights of groups: what is taken away holds at once, what is given waits for a second person.

Who gives rights to a group gives them to all its members, himself or the second person among them. So the
rights are not in force before somebody approves them by the rights that he has now.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from orders.controls.persons.approvals import Act, propose
from orders.controls.persons.people import at_desk
from orders.models import Approval, ApprovalKind


@transaction.atomic
def change_rights(group: Group, wanted: Collection[Permission], *, by: User) -> Approval | None:
    """Take away what is not wanted, and give the rest or let it wait; what waits. Raises NotAllowed."""
    has: set[Permission] = set(group.permissions.all())
    group.permissions.remove(*(has - set(wanted)))
    given = sorted(set(wanted) - has, key=name_of)
    if not given:
        return None
    if not settings.FOUR_EYES:
        group.permissions.add(*given)
        return None
    return propose(
        ApprovalKind.RIGHTS,
        title=f"Rights of the group {group.name}",
        diff=[{"what": name_of(right), "old": "", "new": "may"} for right in given],
        payload={"group": group.pk, "rights": [right.pk for right in given]},
        accounts=[],
        actor=at_desk(by),
        reason=f"{by.get_username()} gave rights to the group {group.name}",
    )


def name_of(right: Any) -> str:
    """As code and settings name it."""
    return f"{right.content_type.app_label}.{right.codename}"


class RightsAct(Act):
    """Rights given to a group."""

    kind = ApprovalKind.RIGHTS

    def why_outdated(self, approval: Approval) -> str:
        """The group may be gone."""
        there = Group.objects.filter(pk=approval.payload["group"]).exists()
        return "" if there else "the group is not there any more."

    def carry_out(self, approval: Approval) -> str:
        """Its members may from now on."""
        group = Group.objects.get(pk=approval.payload["group"])
        group.permissions.add(*Permission.objects.filter(pk__in=approval.payload["rights"]))
        return f"Members of {group.name} have these rights."
