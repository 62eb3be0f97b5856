"""Pages by HTTPS only."""

from __future__ import annotations

from tradedesk import env

#: A proxy ends TLS and says so in X-Forwarded-Proto; whoever asks by plain HTTP is sent
#: to HTTPS, except who looks after this process from inside.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = env.read(
    env.env.bool, "TRADEDESK_SECURE_COOKIES", False
)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_SSL_REDIRECT else None
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
#: Browsers keep to HTTPS for so long after a visit.
SECURE_HSTS_SECONDS = env.integer(
    "TRADEDESK_HSTS_SECONDS", 365 * 86_400 if SECURE_SSL_REDIRECT else 0, low=0, high=10 * 365 * 86_400
)
#: Other hosts under our name, and a browser's built-in list, are not ours to decide about.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
