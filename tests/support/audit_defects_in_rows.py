"""Defects that lie in rows: balances, coupons, events that wait."""

from __future__ import annotations

from tests.support.audit_defects import COUPON, COUPON_ID, NO_CHECK, OTHER, USER, defect, event

ROWS = [
    defect(
        "coupon-duplicates",
        (
            "ALTER TABLE public.coupons DROP CONSTRAINT coupons_code_hash_key",
            COUPON.format(id=COUPON_ID, hash="encode(sha256('twice'), 'hex')"),
            COUPON.format(id=USER, hash="encode(sha256('twice'), 'hex')"),
        ),
        f"DELETE FROM public.coupons WHERE id = '{USER}'",
        "523bea046894c7a2",
    ),
    defect(
        "coupon-plaintext",
        (
            "ALTER TABLE public.coupons DROP CONSTRAINT coupons_plaintext_code_check",
            COUPON.format(id=COUPON_ID, hash="encode(sha256('a'), 'hex')"),
            "UPDATE public.coupons SET plaintext_code = 'SUMMER-1'",
        ),
        "UPDATE public.coupons SET plaintext_code = NULL",
        COUPON_ID,
    ),
    *(
        defect(
            "coupon-digest",
            (NO_CHECK, "ALTER TABLE public.coupons ALTER COLUMN code_hash DROP NOT NULL", COUPON.format(id=COUPON_ID, hash=text)),
            "UPDATE public.coupons SET code_hash = encode(sha256('x'), 'hex')",
            COUPON_ID,
        )
        for text in (
            "'SUMMER-2026-XYZ'",
            "upper(encode(sha256('a'), 'hex'))",
            "encode(sha256('a'), 'hex') || '00'",
            "null",
            "lpad('4f3c2a19', 64, '0')",
            "repeat('abcdef01', 8)",
            "rpad(encode('SUMMER-2026', 'hex'), 64, '0')",
        )
    ),
    defect("cache-balance", event("nonce-0001"), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 5)", USER),
    defect(
        "cache-balance",
        (event("nonce-0001"), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 6)"),
        "UPDATE public.user_points_cache SET available_points = 5",
        USER,
    ),
    defect(
        "cache-balance",
        f"INSERT INTO public.user_points_cache VALUES ('{OTHER}', 3)",
        "UPDATE public.user_points_cache SET available_points = 0",
        OTHER,
    ),
    defect(
        "cache-balance",
        ("ALTER TABLE public.user_points_cache ALTER COLUMN available_points DROP NOT NULL",
         f"INSERT INTO public.user_points_cache VALUES ('{OTHER}', null)"),
        "UPDATE public.user_points_cache SET available_points = 0",
        OTHER,
    ),
    defect("cache-balance", (event("nonce-0001"), event("nonce-0002", -5)), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 0)", USER),
    defect("cache-balance-since", event("nonce-0001"), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 5)", USER),
    defect(
        "cache-balance-since",
        f"INSERT INTO public.user_points_cache VALUES ('{OTHER}', 3)",
        "UPDATE public.user_points_cache SET available_points = 0",
        OTHER,
    ),
    defect(
        "worker-backlog",
        "INSERT INTO public.points_events (user_id, event_type, points_delta, nonce, payload_hash, created_at)"
        " SELECT gen_random_uuid(), 'habit', 1, 'nonce-' || n, encode(sha256(n::text::bytea), 'hex'), now() - interval '61 minutes'"
        " FROM generate_series(1001, 1100) AS n",
        "DELETE FROM public.points_events WHERE nonce = 'nonce-1001'",
        "public.points_events",
    ),
    defect(
        "event-rate",
        "UPDATE public.points_events SET created_at = now() - interval '61 minutes'",
        "INSERT INTO public.points_events (user_id, event_type, points_delta, nonce, payload_hash)"
        " VALUES (gen_random_uuid(), 'habit', 1, 'nonce-now', encode(sha256('n'), 'hex'))",
        "public.points_events",
    ),
]  # fmt: skip
