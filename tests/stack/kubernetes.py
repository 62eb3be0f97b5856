"""deploy/kubernetes as `kubectl kustomize` renders it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from tests.stack.compose import Service
from tradedesk.env import BASE_DIR

OVERLAYS = ["paper", "live"]
FOLDER = BASE_DIR / "deploy/kubernetes"
#: What the operator keeps in the cluster, by secret and key; no manifest holds a value.
SECRETS = {
    "tradedesk-app": {
        "DATABASE_URL": "postgresql://tradedesk_app:application-secret@postgres:5432/tradedesk",
        "REDIS_URL": "redis://:redis-secret@redis:6379/0",
        "SECRET_KEY": "s" * 50,
    },
    "tradedesk-owner": {
        "DATABASE_OWNER_URL": "postgresql://tradedesk:postgres-secret@postgres:5432/tradedesk",
        "TRADEDESK_DESK_PASSWORD": "desk-secret-1",
    },
}


@cache
def rendered(overlay: str) -> str:
    """The manifests of an overlay; skips the test where Kubernetes' client is not installed."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed (Debian: kubernetes-client)")
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def manifests(overlay: str) -> list[dict[str, Any]]:
    """All resources of an overlay."""
    return list(yaml.safe_load_all(rendered(overlay)))


def of_kind(overlay: str, *kinds: str) -> list[dict[str, Any]]:
    """Its resources of these kinds."""
    return [each for each in manifests(overlay) if each["kind"] in kinds]


def pods(overlay: str) -> dict[str, dict[str, Any]]:
    """Pod templates by the name of what makes them."""
    found = {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in of_kind(overlay, "Deployment", "StatefulSet", "Job")
    }
    jobs = of_kind(overlay, "CronJob")
    return found | {
        each["metadata"]["name"]: each["spec"]["jobTemplate"]["spec"]["template"] for each in jobs
    }


def containers(overlay: str) -> list[tuple[str, dict[str, Any]]]:
    """Every container with the name of what makes its pod; those that come before too."""
    return [
        (name, container)
        for name, pod in pods(overlay).items()
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    ]


def service_of(overlay: str, name: str) -> Service:
    """The main container of a pod as a service: what it runs, in which environment, how it is asked."""
    pod = pods(overlay)[name]
    (container,) = pod["spec"]["containers"]
    environment = environment_of(overlay, pod, container)
    command = [filled(part, environment) for part in container["command"]]
    health = probe(container, "readinessProbe") or probe(container, "livenessProbe")
    return Service(name=name, command=command, environment=environment, health=health, options=pod)


def liveness_of(overlay: str, name: str) -> list[str]:
    """The probe that decides whether the main container of a pod is ended."""
    (container,) = pods(overlay)[name]["spec"]["containers"]
    return probe(container, "livenessProbe")


def environment_of(overlay: str, pod: dict[str, Any], container: dict[str, Any]) -> dict[str, str]:
    """All variables of a container, secrets as the tests have them."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]] if "configMapRef" in source else {}
        found |= SECRETS[source["secretRef"]["name"]] if "secretRef" in source else {}
    for variable in container.get("env", []):
        found[variable["name"]] = variable.get("value") or value_from(variable["valueFrom"], pod)
    return found


def value_from(source: dict[str, Any], pod: dict[str, Any]) -> str:
    """A secret's key, or a label of the pod."""
    if "secretKeyRef" in source:
        return SECRETS[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
    label = str(source["fieldRef"]["fieldPath"]).removeprefix("metadata.labels['").removesuffix("']")
    return str(pod["metadata"]["labels"][label])


def filled(text: str, environment: dict[str, str]) -> str:
    """A word of a command with `$(NAME)` filled in, as the kubelet does."""
    for name, value in environment.items():
        text = text.replace(f"$({name})", value)
    return text


def probe(container: dict[str, Any], kind: str) -> list[str]:
    """A probe as a health check of compose; empty where there is none."""
    declared = container.get(kind, {})
    if "exec" in declared:
        return ["CMD", *declared["exec"]["command"]]
    if "httpGet" not in declared:
        return []
    (port,) = [each["containerPort"] for each in container["ports"]]
    headers = {each["name"]: each["value"] for each in declared["httpGet"].get("httpHeaders", [])}
    url = f"http://127.0.0.1:{port}{declared['httpGet']['path']}"
    asked = f"urlopen(Request({url!r}, headers={headers!r}), timeout=5)"
    return ["CMD", "python", "-c", f"from urllib.request import Request, urlopen; {asked}"]
