"""The bill of materials names exactly what the production lock installs."""

from __future__ import annotations

import json
from io import StringIO

from django.core.management import call_command

from tests.unit.test_repository import locked


def test_every_package_of_the_lock_is_a_component_with_its_digests() -> None:
    said = StringIO()
    call_command("sbom", stdout=said)
    told = json.loads(said.getvalue())
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    found = {each["name"].replace("_", "-"): each for each in told["components"]}
    wanted = {name: str(version) for name, version in locked("requirements.lock").items()}
    assert {name: each["version"] for name, each in found.items()} == wanted
    assert all(each["hashes"] for each in found.values())
    assert sum("licenses" in each for each in found.values()) > len(found) * 0.9
