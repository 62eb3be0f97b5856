"""Logging in to the desk: throttled, with a second factor, ended when nobody works."""

from __future__ import annotations

from tradedesk import env

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses before a password is looked at
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = env.integer("TRADEDESK_LOGIN_TRIES", 5, low=1, high=100)
AXES_COOLOFF_TIME = env.number("TRADEDESK_LOGIN_COOLOFF_MINUTES", 10, low=0.1, high=1440) / 60  # hours
# Per name and address: nobody can lock another person out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "orders.access.address_of_request"
#: Refused logins of one address within the cool-off, whatever the names: then it has to wait.
ADDRESS_TRIES = env.integer("TRADEDESK_ADDRESS_TRIES", 30, low=1, high=10_000)
#: The address or network (CIDR) of the one proxy whose X-Forwarded-For is believed; empty: none.
TRUSTED_PROXY = env.networks("TRADEDESK_TRUSTED_PROXY")
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "desk/locked_out.html"
AXES_ONLY_ADMIN_SITE = True
AXES_ENABLE_ADMIN = False  # the desk has a page of its own
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
OTP_TOTP_ISSUER = "Tradedesk"
# With it, people without a second factor can do nothing but set one up.
REQUIRE_SECOND_FACTOR = env.read(env.env.bool, "TRADEDESK_REQUIRE_SECOND_FACTOR", False)
# A login without a page opened for so long is over; pages that refresh themselves do not count.
IDLE_MINUTES = env.number("TRADEDESK_IDLE_MINUTES", 60, low=1, high=1440)
SESSION_COOKIE_AGE = 12 * 3600  # seconds; a working day, however busy
SESSION_COOKIE_SAMESITE = "Lax"
