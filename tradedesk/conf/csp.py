"""What pages may load and run (Content-Security-Policy, django-csp): ours only, no inline script.

unfold's Alpine evaluates expressions, so `unsafe-eval` stays: nothing from outside may ever stand in an `x-`
or `hx-on` attribute. unfold writes its colours as an inline style. The stream is read by a shared worker,
whose own (static) response decides what it may connect to.
"""

from __future__ import annotations

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
