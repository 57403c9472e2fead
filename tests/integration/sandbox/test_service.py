"""The reference points service, over HTTP, as a client sees it."""

from __future__ import annotations

import concurrent.futures
import hashlib
import hmac
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pointsctl.postgres.connection import connect
from pointsctl.sandbox import lifecycle
from pointsctl.sandbox.databases import sandbox_cluster
from pointsctl.sandbox.environments import SandboxEnvironment, user_token
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.state import read_state

COFFEE = "00000000-0000-4000-8000-000000000001"
SUBMIT, VALIDATE, REDEEM = "submit-points-event", "validate-points-event", "redeem-coupon"


class Client:
    """Calls the functions of one environment as a user, or as the validation worker."""

    def __init__(self, root: Path, environment: SandboxEnvironment, http: httpx.Client) -> None:
        state = read_state(Layout(root))
        assert state
        self.environment = environment
        self.http = http
        self.secrets = state.environments[environment.name]
        self.worker_key = environment.variables["SUPABASE_SERVICE_ROLE_KEY"]

    def token(self, user_id: str, now: datetime | None = None) -> str:
        return user_token(self.secrets, user_id, now=now or datetime.now(UTC))

    def call(self, function: str, body: Any, token: str = "", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.post(
            f"{self.environment.functions_url}/functions/v1/{function}", json=body, headers=headers, **options
        )

    def submit(self, user_id: str, **changes: Any) -> httpx.Response:
        body = {
            "event_type": "habit_completed",
            "nonce": uuid.uuid4().hex,
            "metadata": {"at": uuid.uuid4().hex},
            **changes,
        }
        return self.call(SUBMIT, body, self.token(user_id))

    def earn(self, user_id: str, times: int) -> None:
        for _ in range(times):
            event = self.submit(user_id, event_type="friend_invited").json()["id"]
            assert self.call(VALIDATE, {"event_id": event}, self.worker_key).status_code == 200

    def redeem(self, user_id: str, template: str = COFFEE, nonce: str | None = None) -> httpx.Response:
        return self.call(REDEEM, {"template_id": template, "nonce": nonce or uuid.uuid4().hex}, self.token(user_id))


@pytest.fixture(params=["sandbox", "sandbox-staging"])
def client(sandbox: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    environment = lifecycle.running_environment(sandbox, request.param)
    with httpx.Client(trust_env=False) as http:
        yield Client(sandbox, environment, http)


@pytest.fixture
def user() -> str:
    return str(uuid.uuid4())


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_an_event_waits_is_validated_and_becomes_points(client: Client, user: str) -> None:
    submitted = client.submit(user)
    assert submitted.status_code == 202
    assert submitted.json()["validation_status"] == "pending"
    event = submitted.json()["id"]
    with connect(client.environment.database_url) as connection:
        query = "select validation_status, user_id::text, points_delta from public.points_events where id = %s"
        assert connection.execute(query, (event,)).fetchone() == ("pending", user, 10)
    done = client.call(VALIDATE, {"event_id": event}, client.worker_key)
    assert done.json() == {
        "processed": 1,
        "events": [{"id": event, "validation_status": "validated", "trust_score": 95, "available_points": 10}],
    }
    assert code_of(client.call(VALIDATE, {"event_id": event}, client.worker_key)) == (404, "not_found")


def test_the_worker_takes_a_batch(client: Client, user: str) -> None:
    events = {client.submit(user).json()["id"] for _ in range(3)}
    answer = client.call(VALIDATE, {"limit": 500}, client.worker_key).json()
    assert events <= {each["id"] for each in answer["events"]}


def test_a_reviewers_decision_counts_and_is_noted(client: Client, user: str) -> None:
    event = client.submit(user).json()["id"]
    answer = client.call(VALIDATE, {"event_id": event, "decision": "rejected"}, client.worker_key)
    assert answer.json()["events"][0]["validation_status"] == "rejected"
    with connect(client.environment.database_url) as connection:
        query = "select signal from public.fraud_insights where event_id = %s"
        assert connection.execute(query, (event,)).fetchall() == [("rejected_by_reviewer",)]


def test_a_coupon_is_bought_shown_once_and_kept_as_a_digest(client: Client, user: str) -> None:
    client.earn(user, 1)
    bought = client.redeem(user)
    assert bought.status_code == 201
    assert bought.headers["cache-control"] == "no-store"
    coupon = bought.json()
    assert coupon["available_points"] == 50
    with connect(client.environment.database_url) as connection:
        row = connection.execute(
            "select code_hash, plaintext_code, coupons::text from public.coupons where id = %s", (coupon["coupon_id"],)
        ).fetchone()
    assert row
    secret = client.environment.variables["COUPON_SECRET"].encode()
    assert row[:2] == (hmac.new(secret, coupon["code"].encode(), hashlib.sha256).hexdigest(), None)
    assert coupon["code"] not in row[2]


def test_duplicates_are_refused_with_which(client: Client, user: str) -> None:
    nonce, claim = uuid.uuid4().hex, {"at": uuid.uuid4().hex}
    assert client.submit(user, nonce=nonce).status_code == 202
    assert code_of(client.submit(user, nonce=nonce)) == (409, "duplicate_nonce")
    assert client.submit(user, metadata=claim).status_code == 202
    assert code_of(client.submit(user, metadata=claim)) == (409, "duplicate_payload")
    client.earn(user, 1)
    assert client.redeem(user, nonce=nonce + "r").status_code == 201
    assert code_of(client.redeem(user, nonce=nonce + "r")) == (409, "duplicate_nonce")


def test_what_cannot_be_bought(client: Client, user: str) -> None:
    assert code_of(client.redeem(user)) == (402, "insufficient_points")
    assert code_of(client.redeem(user, template=str(uuid.uuid4()))) == (404, "not_found")


def test_one_nonce_sent_ten_times_at_once_is_one_event(client: Client, user: str) -> None:
    nonce = uuid.uuid4().hex
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: client.submit(user, nonce=nonce).status_code, range(10)))
    assert sorted(statuses) == [202] + [409] * 9


@pytest.mark.parametrize("function", [SUBMIT, VALIDATE, REDEEM])
def test_nobody_gets_in_without_the_right_token(client: Client, user: str, function: str) -> None:
    late = client.token(user, now=datetime.now(UTC) - timedelta(days=1))
    for token in ("", "nonsense", late):
        refused = client.call(function, {}, token)
        assert code_of(refused) == (401, "unauthorized")
        assert refused.headers["www-authenticate"].startswith("Bearer")
    wrong = client.token(user) if function == VALIDATE else client.worker_key
    assert code_of(client.call(function, {}, wrong)) == (403, "forbidden")


def test_a_token_of_the_other_environment_is_worth_nothing(sandbox: Path, user: str) -> None:
    production, staging = lifecycle.status(sandbox).environments
    with httpx.Client(trust_env=False) as http:
        token = Client(sandbox, production, http).token(user)
        assert Client(sandbox, staging, http).call(SUBMIT, {}, token).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event_type": "nope", "nonce": "nonce-00001"}, "event_type"),
        ({"event_type": "daily_login"}, "nonce"),
        ({"event_type": "daily_login", "nonce": "short"}, "nonce"),
        ({"event_type": "daily_login", "nonce": "nonce-00001", "points_delta": 9}, "points_delta"),
        ({"event_type": "daily_login", "nonce": "nonce-00001", "metadata": []}, "metadata"),
        ([], "body"),
    ],
)
def test_a_wrong_body_names_the_field(client: Client, user: str, body: Any, field: str) -> None:
    refused = client.call(SUBMIT, body, client.token(user))
    assert code_of(refused) == (400, "invalid")
    assert [each["field"] for each in refused.json()["error"]["fields"]] == [field]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"null", b'{"event_type": "daily_login", "nonce": "nonce-0000\\u0000"}']
)
def test_a_body_that_is_no_json_is_a_400(client: Client, user: str, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {client.token(user)}"}
    url = f"{client.environment.functions_url}/functions/v1/{SUBMIT}"
    assert client.http.post(url, content=content, headers=headers).status_code == 400


def test_metadata_that_the_database_cannot_hold_is_a_400(client: Client, user: str) -> None:
    assert code_of(client.submit(user, metadata={"zero": "\0"})) == (400, "invalid")


def test_a_large_body_is_refused(client: Client, user: str) -> None:
    assert code_of(client.submit(user, metadata={"x": "y" * 20_000})) == (413, "too_large")


def test_the_rate_limit_holds_for_one_user_and_spares_the_others(client: Client, user: str) -> None:
    answers = [client.submit(user) for _ in range(25)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
    assert client.submit(str(uuid.uuid4())).status_code == 202


def test_browsers_are_answered(client: Client) -> None:
    for function in (SUBMIT, VALIDATE, REDEEM):
        answer = client.http.options(f"{client.environment.functions_url}/functions/v1/{function}")
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
    assert client.call(SUBMIT, {}).headers["access-control-allow-origin"] == "*"


def test_the_admin_page_shows_totals_and_nobody(client: Client, user: str) -> None:
    client.submit(user)
    page = client.http.get(f"{client.environment.functions_url}/points-admin")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "events last hour" in page.text
    assert user not in page.text


def test_unknown_paths_and_methods(client: Client) -> None:
    base = client.environment.functions_url
    assert client.http.post(f"{base}/functions/v1/other").status_code == 404
    assert client.http.get(f"{base}/functions/v1/{SUBMIT}").status_code == 405


def test_a_database_that_went_away_is_a_503_and_comes_back(open_path: Path) -> None:
    root = open_path / "sandbox"
    lifecycle.up(root)
    try:
        environment = lifecycle.running_environment(root, "sandbox")
        with httpx.Client(trust_env=False, timeout=30) as http:
            client = Client(root, environment, http)
            lifecycle.reset(root)
            assert client.submit(str(uuid.uuid4())).status_code == 202
            sandbox_cluster(Layout(root)).kill()
            gone = client.submit(str(uuid.uuid4()))
            assert code_of(gone) == (503, "unavailable")
            assert "postgres" not in gone.text
            lifecycle.up(root)
            assert client.submit(str(uuid.uuid4())).status_code == 202
    finally:
        lifecycle.down(root, purge=True)
