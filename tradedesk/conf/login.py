"""Logging in to the desk: throttled, with a second factor, ended when nobody works."""

from __future__ import annotations

from tradedesk import env

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses before a password is looked at
    "django.contrib.auth.backends.ModelBackend",
]
# Single sign-on by OpenID Connect, off without an issuer. A provider names a person whom somebody has made
# here: it makes nobody and gives no right.
OIDC_ISSUER = env.provider("TRADEDESK_OIDC_ISSUER")
OIDC_RP_CLIENT_ID = env.read(env.env.str, "TRADEDESK_OIDC_CLIENT_ID", "")
OIDC_RP_CLIENT_SECRET = env.read(env.env.str, "TRADEDESK_OIDC_CLIENT_SECRET", "")
# "email" is compared with the person's e-mail address here, when verified there; any other one with the name.
OIDC_CLAIM = env.read(env.env.str, "TRADEDESK_OIDC_CLAIM", "email")
OIDC_RP_SIGN_ALGO = env.choice("TRADEDESK_OIDC_ALGORITHM", "RS256", ("RS256", "ES256"))
OIDC_RP_SCOPES = "openid email profile"
OIDC_CREATE_USER = False
OIDC_USE_PKCE = True
OIDC_TIMEOUT = 5  # seconds
OIDC_AUTH_REQUEST_EXTRA_PARAMS = {"prompt": "login", "max_age": "300"}
OIDC_AUTHENTICATION_CALLBACK_URL = "desk:single_sign_on_back"
if OIDC_ISSUER:
    AUTHENTICATION_BACKENDS.append("orders.single_sign_on.SingleSignOnBackend")
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
AXES_LOCKOUT_CALLABLE = "tradedesk.http.failures.locked_out"
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
