"""Persons of the desk, as tests of acts need them."""

from __future__ import annotations

from django.contrib.auth.models import User

from orders.controls.persons.people import Actor, at_desk


def person(name: str) -> Actor:
    """Somebody at the desk who may do everything."""
    user, _ = User.objects.get_or_create(username=name, is_superuser=True, is_staff=True)
    return at_desk(user)
