"""Sends what a shown `curl` line says, so that the lines are tried on machines without curl as well."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from string import Template

import httpx

_PARSER = argparse.ArgumentParser(prog="curl", add_help=False)
_PARSER.add_argument("url")
_PARSER.add_argument("-s", action="store_true")
_PARSER.add_argument("-X", dest="method", default="GET")
_PARSER.add_argument("-H", dest="headers", action="append", default=[])
_PARSER.add_argument("-d", dest="data")


def answer(line: str, variables: Mapping[str, str]) -> str:
    """The body that `line` gets; `$NAME` in it is taken from `variables`. Raises httpx.HTTPError."""
    words = shlex.split(line.replace("\\\n", " "))[1:]
    given = _PARSER.parse_args([Template(word).substitute(variables) for word in words])
    headers = dict(header.split(": ", 1) for header in given.headers)
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.request(given.method, given.url, headers=headers, content=given.data).text
