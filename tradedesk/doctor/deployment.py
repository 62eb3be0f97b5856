"""The settings: secrets, TLS, who is let in, what needs a second person."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import Tags

from tradedesk import env
from tradedesk.doctor.findings import Finding, fail, ok, unless_paper, warn

LONG_KEY, LONG_PASSWORD = 50, 16  # characters
DIFFERENT = 5  # characters, at least, that a key is made of
#: Words of examples: a secret that is made of one of them is known to everybody.
KNOWN_WORDS = (
    *("changeme", "change-me", "change_me", "password", "secret", "postgres", "redis", "tradedesk"),
    *("example", "insecure", "default", "admin", "test"),
)
ENCRYPTED = ("require", "verify-ca", "verify-full")


def examine() -> Iterator[Finding]:
    """All of it."""
    yield unknown_variables()
    yield secret_key()
    yield secrets()
    yield debug()
    yield hosts()
    yield https()
    yield from django_checks()
    yield database_tls()
    yield redis_tls()
    yield proxy()
    yield four_eyes()
    yield second_factor()


def unknown_variables() -> Finding:
    """A limit under a misspelt name is no limit, and nobody is told: a variable nobody reads is ignored."""
    read = set()
    for source in (env.BASE_DIR / folder for folder in ("tradedesk", "orders", "brokers")):
        for file in source.rglob("*.py"):
            read |= {*re.findall(r"\bTRADEDESK_[A-Z0-9_]*[A-Z0-9]\b", file.read_text())}
    read |= {f"TRADEDESK_MAX_AGE_{ord_type}" for ord_type in settings.MAX_AGE}  # whose names are put together
    mine = {name for name in os.environ if name.startswith("TRADEDESK_")}
    strange = sorted(mine - read)
    if not strange:
        return ok("settings", "every TRADEDESK_ variable is one that is read")
    nearest = [(name, *get_close_matches(name, read, n=1)) for name in strange]
    told = ", ".join(name + (f" (like {meant[0]})" if meant else "") for name, *meant in nearest)
    return warn("settings", f"Nothing reads {told}.", "Correct the name (docs/settings.md) or unset it.")


def secret_key() -> Finding:
    """Set, long and not made of a word."""
    key, do = settings.SECRET_KEY, "Set SECRET_KEY to 50 random characters, the same for all processes."
    if not (os.environ.get("SECRET_KEY") or env.stored_secret_key()):
        return fail("secret_key", "SECRET_KEY is not set.", do)
    if is_known(key) or len(set(key)) < DIFFERENT:
        return fail("secret_key", "SECRET_KEY is one that others can guess.", do)
    if len(key) < LONG_KEY:
        return warn("secret_key", f"SECRET_KEY has only {len(key)} characters.", do)
    return ok("secret_key", f"set, {len(key)} characters")


def secrets() -> Finding:
    """Three doors, three secrets: who reads one of them shall not open the others."""
    found = {
        "SECRET_KEY": settings.SECRET_KEY,
        "the password of DATABASE_URL": password_of(settings.DATABASE_URL),
        "the password of REDIS_URL": password_of(settings.REDIS_URL),
    }
    if owner := os.environ.get("DATABASE_OWNER_URL"):
        found["the password of DATABASE_OWNER_URL"] = password_of(owner)
    do = "Give each its own: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if missing := [name for name, value in found.items() if not value]:
        return unless_paper("secrets", f"Not set: {', '.join(missing)}.", do)
    values = list(found.values())
    if same := [name for name, value in found.items() if values.count(value) > 1]:
        return fail("secrets", f"The same secret twice: {', '.join(same)}.", do)
    if guessed := [name for name, value in found.items() if is_known(value)]:
        return fail("secrets", f"Others can guess {', '.join(guessed)}.", do)
    if short := [name for name, value in found.items() if len(value) < LONG_PASSWORD]:
        return warn("secrets", f"Shorter than {LONG_PASSWORD} characters: {', '.join(short)}.", do)
    return ok("secrets", f"{len(values)} different ones")


def is_known(secret: str) -> bool:
    """Whether it is little more than a word of an example."""
    rest = secret.lower()
    for word in KNOWN_WORDS:
        rest = rest.replace(word, "")
    return len(rest.strip("-_. 0123456789")) < LONG_PASSWORD // 2 and rest != secret.lower()


def password_of(url: str) -> str:
    """The password in a URL; empty when there is none."""
    return unquote(urlsplit(url).password or "")


def debug() -> Finding:
    """Django's debug pages show settings and source."""
    if settings.DEBUG:
        return fail("debug", "DEBUG is on: errors show source and settings.", "Unset DEBUG.")
    return ok("debug", "off")


def hosts() -> Finding:
    """Which names we answer to."""
    if "*" in settings.ALLOWED_HOSTS:
        return fail("allowed_hosts", "Any name is answered to.", "Name the hosts in ALLOWED_HOSTS.")
    return ok("allowed_hosts", ", ".join(settings.ALLOWED_HOSTS))


def https() -> Finding:
    """Pages and tokens travel encrypted, and browsers keep to it."""
    if not settings.SECURE_SSL_REDIRECT:
        do = "End TLS at the proxy, then set TRADEDESK_SECURE_COOKIES=true."
        return unless_paper("https", "Logins and tokens may travel by plain HTTP.", do)
    if not settings.SECURE_HSTS_SECONDS:
        return warn("https", "No HSTS: a browser may be led to plain HTTP.", "Unset TRADEDESK_HSTS_SECONDS.")
    return ok("https", f"cookies by HTTPS only, HSTS for {settings.SECURE_HSTS_SECONDS // 86_400} days")


def django_checks() -> Iterator[Finding]:
    """What `check --deploy` says of security, beyond what was looked at above."""
    ours = {"security.W004", "security.W008", "security.W009", "security.W012", "security.W016"} | {
        "security.W018",  # DEBUG
    }
    found = checks.run_checks(tags=[Tags.security], include_deployment_checks=True)
    said = [each for each in found if not each.is_silenced() and each.id not in ours]
    for each in said:
        yield warn("django", f"{each.id}: {' '.join(each.msg.split())}", each.hint or "See `check --deploy`.")
    if not said:
        yield ok("django", "its deployment checks have nothing else to say")


def is_near(url: SplitResult) -> bool:
    """Whether this leads to our own machine."""
    hosts = (parse_qs(url.query).get("host") or [url.hostname or "localhost"])[0].split(",")
    return all(map(is_own, hosts))


def is_own(host: str) -> bool:
    """Whether a host is this one; a path is a socket."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith("/")


def database_tls() -> Finding:
    """Orders on their way to PostgreSQL."""
    url = urlsplit(settings.DATABASE_URL)
    mode = (parse_qs(url.query).get("sslmode") or ["prefer"])[0]
    if is_near(url):
        return ok("database_tls", "on this machine")
    if mode not in ENCRYPTED:
        do = "Add ?sslmode=verify-full&sslrootcert=... to DATABASE_URL, or keep the network to yourself."
        return unless_paper("database_tls", f"sslmode is {mode}: the way may be read or led astray.", do)
    return ok("database_tls", f"sslmode={mode}")


def redis_tls() -> Finding:
    """Ids of orders and tasks on their way to Redis; no order passes through it."""
    url = urlsplit(settings.REDIS_URL)
    if is_near(url):
        return ok("redis_tls", "on this machine")
    if url.scheme != "rediss":
        do = "Use rediss://, or keep the network to yourself."
        return warn("redis_tls", "Redis is reached without TLS.", do)
    return ok("redis_tls", "rediss")


def proxy() -> Finding:
    """Whose word tells where a login comes from."""
    if not settings.TRUSTED_PROXY and settings.SECURE_SSL_REDIRECT:
        do = "Set TRADEDESK_TRUSTED_PROXY to the proxy's address or network."
        return warn(
            "trusted_proxy", "Every login seems to come from the proxy: one lock-out locks out all.", do
        )
    return ok("trusted_proxy", settings.TRUSTED_PROXY or "none")


def four_eyes() -> Finding:
    """What needs a second person."""
    if not settings.FOUR_EYES:
        do = "Unset TRADEDESK_FOUR_EYES once there are two persons."
        return unless_paper("four_eyes", "Nothing needs a second person.", do)
    return ok("four_eyes", ", ".join(sorted(settings.FOUR_EYES)))


def second_factor() -> Finding:
    """Whether a stolen password opens the desk."""
    if not settings.REQUIRE_SECOND_FACTOR:
        do = "Set TRADEDESK_REQUIRE_SECOND_FACTOR=true."
        return unless_paper("second_factor", "A password alone opens the desk.", do)
    return ok("second_factor", "required")
