# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Tokens as an identity provider would issue them (HS256, from the standard library), and wrong ones."""
import base64
import hashlib
import hmac
import json
import secrets
import time

ISSUER, AUDIENCE = "https://issuer.example", "hyperchat"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """One key, and what it signs."""

    def __init__(self, kid="one"):
        self.kid, self.secret = kid, secrets.token_bytes(32)

    def jwk(self):
        return {"kty": "oct", "kid": self.kid, "alg": "HS256", "use": "sig", "k": base64url(self.secret)}

    def sign(self, claims, header=None):
        header = {"alg": "HS256", "typ": "JWT", "kid": self.kid, **(header or {})}
        signed = base64url(json.dumps(header).encode()) + "." + base64url(json.dumps(claims).encode())
        return signed + "." + base64url(hmac.new(self.secret, signed.encode(), hashlib.sha256).digest())

    def token(self, user, ttl=3600, **claims):
        """claims replace the usual ones; None leaves one out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + ttl, **claims}
        return self.sign({name: value for name, value in claims.items() if value is not None})


def write_keys(path, *issuers):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"keys": [issuer.jwk() for issuer in issuers]}, file)
