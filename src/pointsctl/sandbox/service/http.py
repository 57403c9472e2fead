"""What every answer of the service has in common: CORS, errors as JSON, bounded bodies, and who is asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import pydantic
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pointsctl.errors import PointsctlError
from pointsctl.postgres.service_pool import StatementRefusedError
from pointsctl.sandbox.service import tokens
from pointsctl.sandbox.service.requests import Body

MAX_BODY_BYTES = 16 * 1024

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, apikey, content-type, x-client-info",
    "Access-Control-Max-Age": "600",
}
# The codes that the database's functions raise; PostgREST gives them the same meaning.
_STATUS_OF = {"PT400": 400, "PT402": 402, "PT404": 404, "PT409": 409}
_CODE_OF = {400: "invalid", 402: "insufficient_points", 404: "not_found", 409: "conflict"}
_DUPLICATES = {
    "points_events_nonce_key": "duplicate_nonce",
    "points_events_payload_hash_key": "duplicate_payload",
    "coupons_code_hash_key": "duplicate_code",
}

B = TypeVar("B", bound=Body)
Handler = Callable[[Request], Awaitable[Response]]


class AnswerError(Exception):
    """Ends the handling of a request with a status, a stable code and a message for its sender."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **({"fields": fields} if fields else {})}}
        self.headers = dict(headers or {})


def function(handler: Handler) -> Handler:
    """Wrap a handler: OPTIONS is answered, everything that goes wrong becomes JSON, and CORS is on every answer."""

    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        try:
            response = await handler(request)
        except AnswerError as error:
            response = JSONResponse(error.body, error.status, headers=error.headers)
        except StatementRefusedError as error:
            refusal = _refusal(error)
            response = JSONResponse(refusal.body, refusal.status)
        except PointsctlError:
            # What the database said stays inside: it may hold names and values that are none of the caller's business.
            unavailable = AnswerError(
                503, "unavailable", "the points database does not answer", headers={"Retry-After": "1"}
            )
            response = JSONResponse(unavailable.body, unavailable.status, headers=unavailable.headers)
        response.headers.update(_CORS)
        return response

    return endpoint


def caller_of(request: Request, secret: str, *, role: str) -> tokens.Caller:
    """Return who asks. Raises AnswerError 401 without a valid bearer token, 403 when it is not for `role`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AnswerError(401, "unauthorized", "no bearer token", headers={"WWW-Authenticate": "Bearer"})
    try:
        caller = tokens.read(secret, token.strip())
    except tokens.InvalidTokenError as error:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise AnswerError(401, "unauthorized", str(error), headers=challenge) from error
    if caller.role != role:
        raise AnswerError(403, "forbidden", f"this is for the role {role}, the token is for {caller.role}")
    return caller


async def body_of(request: Request, model: type[B]) -> B:
    """Read the JSON body. Raises AnswerError 413 above MAX_BODY_BYTES and 400 with every field that is wrong."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise AnswerError(413, "too_large", f"the body is larger than {MAX_BODY_BYTES} bytes")
    try:
        return model.model_validate_json(bytes(content))
    except pydantic.ValidationError as error:
        fields = [
            {"field": ".".join(str(part) for part in problem["loc"]) or "body", "problem": problem["msg"]}
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise AnswerError(400, "invalid", "the body cannot be used", fields=fields) from error


def _refusal(error: StatementRefusedError) -> AnswerError:
    if error.sqlstate in _STATUS_OF:
        status = _STATUS_OF[error.sqlstate]
        return AnswerError(status, _CODE_OF[status], str(error))
    if error.sqlstate == "23505":
        code = _DUPLICATES.get(error.constraint, "duplicate")
        return AnswerError(409, code, f"{code.removeprefix('duplicate').strip('_') or 'value'} used before")
    return AnswerError(400, "invalid", "the database refused the values")
