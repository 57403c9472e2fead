"""The service's routes, each with what it does to the database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from pointsctl.postgres.service_pool import ServicePool, Session
from pointsctl.sandbox.service import codes, pages, tokens
from pointsctl.sandbox.service.http import AnswerError, body_of, caller_of, function
from pointsctl.sandbox.service.rate_limit import RateLimiter
from pointsctl.sandbox.service.requests import POINTS, RedeemCoupon, SubmitEvent, ValidateEvents
from pointsctl.sandbox.service.trust import Judgement, judge, reviewed

_SQL = files("pointsctl.sql").joinpath("sandbox/service")


@dataclass(frozen=True)
class ServiceSettings:
    """What one environment's functions need; `prefix` is the path that they are under (empty, or like `/staging`)."""

    name: str
    database_url: str
    prefix: str = ""
    jwt_secret: str = field(default="", repr=False)
    coupon_secret: str = field(default="", repr=False)
    requests_per_minute: int = 60
    burst: int = 20


class PointsService:
    """The three functions and the admin page of one environment."""

    def __init__(self, settings: ServiceSettings, pool: ServicePool, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._limiter = RateLimiter(per_minute=settings.requests_per_minute, burst=settings.burst)
        self._sql = {name: _SQL.joinpath(f"{name}.sql").read_text(encoding="utf-8") for name in _STATEMENTS}

    def routes(self) -> list[BaseRoute]:
        """Return the routes, without the prefix."""
        functions = {
            "submit-points-event": self.submit,
            "validate-points-event": self.validate,
            "redeem-coupon": self.redeem,
        }
        served = [
            Route(f"/functions/v1/{name}", function(handler), methods=["POST", "OPTIONS"])
            for name, handler in functions.items()
        ]
        return [*served, Route("/points-admin", function(self.admin), methods=["GET"])]

    async def submit(self, request: Request) -> Response:
        """Take an event into the queue; 202, because nobody has judged it yet."""
        user_id = self._user(request)
        body = await body_of(request, SubmitEvent)
        async with self._pool.session() as session:
            row = await session.row(
                self._sql["submit_event"],
                {
                    "user_id": user_id,
                    "event_type": body.event_type,
                    "points_delta": POINTS[body.event_type],
                    "nonce": body.nonce,
                    "payload_hash": body.payload_hash(user_id),
                    "metadata": pages.json_text(body.metadata),
                },
            )
        return JSONResponse(dict(row), 202)

    async def validate(self, request: Request) -> Response:
        """Decide waiting events and book them; each answer names the event, its status, score and the new balance."""
        caller_of(request, self._settings.jwt_secret, role=tokens.SERVICE_ROLE)
        body = await body_of(request, ValidateEvents)
        event_id = str(body.event_id) if body.event_id else None
        async with self._pool.session() as session:
            waiting = await session.rows(self._sql["waiting_events"], {"event_id": event_id, "limit": body.limit})
            if event_id and not waiting:
                raise AnswerError(404, "not_found", f"no waiting points event {event_id}")
            decided = []
            for event in waiting:
                judgement = reviewed(body.decision) if body.decision else judge(event["events_in_hour_before"])
                decided.append(await self._decide(session, event["id"], event["user_id"], judgement))
        return JSONResponse({"processed": len(decided), "events": decided})

    async def _decide(self, session: Session, event_id: str, user_id: str, judgement: Judgement) -> dict[str, Any]:
        score = judgement.trust_score
        values = {"event_id": event_id, "status": judgement.status, "trust_score": score, "reason": judgement.reason}
        row = await session.row(self._sql["decide_event"], values)
        if judgement.signal:
            report = {"user_id": user_id, "event_id": event_id, "signal": judgement.signal, "score": 100 - score}
            await session.rows(self._sql["report_fraud"], report)
        return {"id": event_id, "validation_status": judgement.status, "trust_score": score, **row}

    async def redeem(self, request: Request) -> Response:
        """Sell a coupon; its code is in this answer and nowhere else."""
        user_id = self._user(request)
        body = await body_of(request, RedeemCoupon)
        code = codes.new_code()
        bought = {
            "user_id": user_id,
            "template_id": str(body.template_id),
            "code_hash": codes.code_hash(self._settings.coupon_secret, code),
            "nonce": body.nonce,
            "payload_hash": body.payload_hash(user_id),
        }
        async with self._pool.session() as session:
            coupon = await session.row(self._sql["redeem_coupon"], bought)
            receipt = await session.row(self._sql["coupon_receipt"], coupon)
        answer = {"available_points": receipt["available_points"], "expires_at": receipt["expires_at"].isoformat()}
        return JSONResponse({**coupon, "code": code, **answer}, 201, headers={"Cache-Control": "no-store"})

    async def admin(self, request: Request) -> Response:  # noqa: ARG002 (a handler takes the request)
        """Show the totals. They are about nobody in particular, and the service listens on the loopback only."""
        async with self._pool.session() as session:
            totals = await session.row(self._sql["admin_totals"])
        return HTMLResponse(pages.admin(self._settings.name, totals), headers=pages.SECURITY_HEADERS)

    async def healthy(self) -> None:
        """Return when the database answers and has the schema; raise pointsctl's errors otherwise."""
        async with self._pool.session() as session:
            await session.row(self._sql["health"])

    def _user(self, request: Request) -> str:
        caller = caller_of(request, self._settings.jwt_secret, role=tokens.USER_ROLE)
        user_id = caller.user_id or ""
        wait = self._limiter.seconds_to_wait(user_id, self._clock())
        if wait:
            message = f"more than {self._settings.requests_per_minute} requests a minute; ask again in {wait} s"
            raise AnswerError(429, "rate_limited", message, headers={"Retry-After": str(wait)})
        return user_id


def make_app(
    environments: tuple[ServiceSettings, ...], instance: str, *, clock: Callable[[], float] = time.monotonic
) -> Starlette:
    """Return the application that serves all environments; `/healthz` says which sandbox it belongs to."""
    pools = [ServicePool(each.database_url, role=tokens.SERVICE_ROLE) for each in environments]
    services = [PointsService(each, pool, clock) for each, pool in zip(environments, pools, strict=True)]

    async def healthz(request: Request) -> Response:  # noqa: ARG001 (a handler takes the request)
        for service in services:
            await service.healthy()
        return JSONResponse({"status": "ok", "instance": instance})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 (the framework's signature)
        async with AsyncExitStack() as opened:
            for pool in pools:
                opened.push_async_callback(pool.close)
                await pool.open()
            yield

    health = Route("/healthz", function(healthz), methods=["GET"])
    # The longest prefix first: an empty one takes every path.
    by_prefix = sorted(zip(environments, services, strict=True), key=lambda each: each[0].prefix, reverse=True)
    mounts = [Mount(each.prefix, routes=service.routes()) for each, service in by_prefix]
    return Starlette(routes=[health, *mounts], lifespan=lifespan)


_STATEMENTS = (
    "admin_totals",
    "coupon_receipt",
    "decide_event",
    "health",
    "redeem_coupon",
    "report_fraud",
    "submit_event",
    "waiting_events",
)
