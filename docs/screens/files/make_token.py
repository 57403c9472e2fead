"""Prints a token of the sandbox: python make_token.py SANDBOX_DIRECTORY authenticated|anon|service_role."""

import json
import sys
import time
from pathlib import Path

import jwt

directory, role = sys.argv[1:]
state = json.loads(Path(directory, "state.json").read_text("utf-8"))
claims = {"role": role, "exp": int(time.time()) + 3600}
if role == "authenticated":  # the user that the token is for
    claims |= {"aud": role, "sub": "00000000-0000-4000-8000-0000000000aa"}
print(jwt.encode(claims, state["environments"]["sandbox"]["jwt_secret"]))  # noqa: T201 (printing is all it does)
