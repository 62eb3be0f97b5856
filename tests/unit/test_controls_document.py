"""The catalogue of controls is the code's, and every test that it names is there."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from orders.risk.catalogue import CATALOGUE
from tradedesk.controls_catalogue import CONTROLS
from tradedesk.management.commands.drawcontrols import document, document_path

#: Limits that say how others are read.
SETTINGS = {"currency"}


def test_the_document_of_controls_is_up_to_date() -> None:
    assert document_path().read_text() == document(), "run `manage.py drawcontrols`"


def test_every_limit_answers_a_control() -> None:
    named = {name for control in CONTROLS for name in control.limits}
    assert {limit.name for limit in CATALOGUE} - SETTINGS == named


def test_every_test_that_a_control_names_is_there() -> None:
    for control in CONTROLS:
        for test in control.tests:
            path, name = test.split("::")
            assert f"def {name}(" in (Path(settings.BASE_DIR) / path).read_text(), test


def test_a_control_has_tests_a_setting_or_says_what_is_missing() -> None:
    bare = [control.name for control in CONTROLS if not (control.tests or control.setting or control.missing)]
    assert bare == []
