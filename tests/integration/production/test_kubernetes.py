"""deploy/kubernetes renders, is valid, and runs what docker-compose.yml runs (whose commands are started)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_compose import VARIABLES
from tests.stack.compose import services
from tests.stack.kubernetes import (
    OVERLAYS,
    SECRETS,
    containers,
    manifests,
    of_kind,
    pods,
    rendered,
    service_of,
)
from tradedesk.env import BASE_DIR

#: The oldest version that is still served by clouds, and the newest that is known here.
VERSIONS = ["1.34", "1.37"]
OURS = ["web", "stream", "worker", "beat", "flower", "migrate"]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_overlay_is_valid_against_the_schemas_of_kubernetes(
    overlay: str, version: str, tmp_path: Path
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(rendered(overlay))
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run(
        [validate, "--strict", "--quiet", "--no-warn", "-k", version, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_what_the_service_of_compose_runs(name: str) -> None:
    assert service_of("paper", name).command == services(VARIABLES)[name].command


def test_a_broker_worker_runs_its_own_session() -> None:
    assert service_of("paper", "broker-main").command == services(VARIABLES)["broker"].command
    assert service_of("live", "broker-second").command[-1] == "second"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_session_that_is_set_has_its_worker_standby_and_gateway(overlay: str) -> None:
    sessions = re.findall(r"(\w+)=gateway-(\w+):", settings_of(overlay)["TRADEDESK_SESSIONS"])
    sets = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "StatefulSet")}
    assert sets.keys() == {f"{part}-{name}" for name, _ in sessions for part in ("broker", "gateway")}
    assert all(name == gateway for name, gateway in sessions)
    assert {name: spec["replicas"] for name, spec in sets.items()} == {
        name: 2 if name.startswith("broker") else 1 for name in sets
    }
    assert all(spec["serviceName"] == name for name, spec in sets.items())


def settings_of(overlay: str) -> dict[str, str]:
    (found,) = of_kind(overlay, "ConfigMap")
    return dict(found["data"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_of_an_overlay_are_accepted_and_clean(overlay: str, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "TRADEDESK_DATA": str(tmp_path), **SECRETS["tradedesk-app"]}
    env["SECRET_KEY"] = "Jx8-q7Rk2vLw9ZtYb3NcQd5FgHsMpAeUoIx1KzVy4TfGhJkLsPq"
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=env | settings_of(overlay),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_is_confined_and_limited(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
    for name, container in containers(overlay):
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert container["resources"]["limits"]["memory"], name
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_manifest_holds_a_secret_and_production_names_each(overlay: str) -> None:
    page = (BASE_DIR / "docs/production.md").read_text()
    assert of_kind(overlay, "Secret") == []
    named = set(re.findall(r"secret(?:Ref|KeyRef): *\n? *(?:key: \S+\s+)?name: (\S+)", rendered(overlay)))
    assert named >= {"tradedesk-app", "tradedesk-owner", "tradedesk-gateway"}
    assert [name for name in named if f"`{name}`" not in page] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_migration_and_backup_log_in_as_the_owner(overlay: str) -> None:
    owners = {name for name, pod in pods(overlay).items() if "tradedesk-owner" in str(pod)}
    assert owners == {"migrate", "backup"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_serves_survives_the_loss_of_a_node(overlay: str) -> None:
    budgets = {
        str(each["spec"]["selector"]["matchLabels"]) for each in of_kind(overlay, "PodDisruptionBudget")
    }
    for each in of_kind(overlay, "Deployment", "StatefulSet"):
        if each["spec"].get("replicas", 2) > 1:
            assert str(each["spec"]["selector"]["matchLabels"]) in budgets, each["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_policy_names_every_pod_that_speaks(overlay: str) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "NetworkPolicy")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["database-and-redis"]["podSelector"]["matchExpressions"]
    apps = {pod["metadata"]["labels"]["app"] for pod in pods(overlay).values()}
    assert set(rule["values"]) == apps - {"gateway"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_that_may_hang_is_found(overlay: str) -> None:
    """The gateway is not ours: what it waits for may take a person hours."""
    for each in of_kind(overlay, "Deployment", "StatefulSet"):
        if not each["metadata"]["name"].startswith("gateway"):
            (container,) = each["spec"]["template"]["spec"]["containers"]
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), container["name"]
    for each in of_kind(overlay, "CronJob"):
        assert each["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"], each["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_probe_that_kills_asks_nothing_of_others(overlay: str) -> None:
    """A lost gateway, Redis or database must not restart what waits for it."""
    for name, container in containers(overlay):
        probe = str(container.get("livenessProbe", ""))
        assert "readyz" not in probe, name
        assert "celery" not in probe, name


def test_the_worker_is_scaled_by_its_queue_and_nothing_else_is() -> None:
    """KEDA's own schema is not among those of Kubernetes."""
    (scaled,) = of_kind("live", "ScaledObject")
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    spec: dict[str, Any] = scaled["spec"]
    assert spec.keys() <= {
        "scaleTargetRef",
        "minReplicaCount",
        "maxReplicaCount",
        "cooldownPeriod",
        "triggers",
    }
    assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    (target,) = [each for each in of_kind("live", "Deployment") if each["metadata"]["name"] == "worker"]
    assert spec["scaleTargetRef"] == {"name": "worker"}
    assert "replicas" not in target["spec"]
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "redis"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert trigger["metadata"]["listName"] == "tradedesk:default"  # orders/notify/wakeup.py
    (login,) = of_kind("live", "TriggerAuthentication")
    assert trigger["authenticationRef"] == {"name": login["metadata"]["name"]}
    assert {each["parameter"] for each in login["spec"]["secretTargetRef"]} == {"address", "password"}


def test_metrics_and_flower_are_not_reached_from_outside() -> None:
    (ingress,) = of_kind("live", "Ingress")
    paths = [path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    assert not {"/", "/metrics"} & set(paths)
    assert ingress["spec"]["tls"]
    assert len(manifests("live")) > len(manifests("paper"))
