"""The step `announce`: everybody who must know does, and it has been said when the deployment may change something."""

from __future__ import annotations

from pointsctl.errors import CouldNotLookError, RefusedError, UsageError, WaitingError
from pointsctl.model.attestation import Asked, attest_command
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployment_window import Window, window_of
from pointsctl.model.finding import Outcome
from pointsctl.model.gate_decision import GateDecision
from pointsctl.model.history import History
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.selection import Selection, select
from pointsctl.model.waiver import waiver_for
from pointsctl.workflow.decide_gate import Request, decide_gate
from pointsctl.workflow.deploy_steps.context import MOMENT, Context
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.procedure import Step


class Announce(Step):
    """The items of `deployment.announced_by`, and the window of the item `deployment.window`."""

    definition = StepDefinition("announce", "Everybody knows", MOMENT * 5, "tell them that it was called off")

    def __init__(self, context: Context) -> None:
        self._context = context

    def skipped(self) -> str:
        """Where the checklist asks for neither."""
        settings = self._context.request.loaded.checklist.deployment
        asked = settings.announced_by or settings.window
        return "" if asked else "the checklist asks for no announcement (`deployment.announced_by`)"

    def observe(self, cancellation: Cancellation) -> Seen:
        """Ask the ledger. Raises WaitingError with the commands of what is missing."""
        del cancellation
        told = self._told()
        history = self._context.history()
        window = agreed_window(self._context, history)
        if window is not None and history.now is not None and window.too_early(history.now):
            raise WaitingError(f"the window has not begun: {window.in_a_sentence}", hint="run again when it has")
        said = [
            f"{len(told)} announcement{'' if len(told) == 1 else 's'} satisfied" if told else "",
            window.in_a_sentence if window else "",
        ]
        summary = "; ".join(one for one in said if one) or "the window was waived"
        return Seen(done=True, summary=summary, evidence={"items": list(told)})

    def _told(self) -> tuple[str, ...]:
        request = self._context.request
        loaded, ids = request.loaded, request.loaded.checklist.deployment.announced_by
        if not ids:
            return ()
        whole = select(loaded.checklist, loaded.references, only=ids)
        asked = Request(Selection("announcements", whole.items), request.name, request.environment, None)
        with open_ledger(request.name, request.environment) as ledger:
            decision = decide_gate(loaded, ledger, asked, request.surroundings)
        if not decision.opens:
            raise _missing(decision)
        # An item that does not apply tells nobody anything.
        if all(one.outcome is Outcome.SKIP for one in decision.run.findings):
            raise RefusedError("none of the announcements applies here", hint="correct `deployment.announced_by`")
        return ids


def agreed_window(context: Context, history: History) -> Window | None:
    """When the deployment may change something; None where the checklist does not ask, or somebody signed for going without.

    Raises WaitingError with the command when nobody has said it.
    """
    loaded = context.request.loaded
    wanted = loaded.checklist.deployment.window
    if not wanted:
        return None
    item = next((one for one in loaded.checklist.walk() if one.id == wanted), None)
    if item is None:
        raise UsageError(
            f"`deployment.window` names {wanted!r}, and there is no such item", hint="correct the checklist"
        )
    definition = loaded.definitions[wanted]
    role = loaded.checks[wanted].attested_by() or ""
    asked = Asked(item, definition, context.name, role)
    window = window_of(asked, history)
    if window is not None or waiver_for(item, definition, history):
        return window
    raise WaitingError(f"nobody has said when: {item.title}", hint=f"run `{attest_command(asked)}`")


def _missing(decision: GateDecision) -> WaitingError | CouldNotLookError | RefusedError:
    if decision.refusals:
        return RefusedError(decision.refusals[0].why, hint=decision.refusals[0].hint)
    pieces = decision.pieces
    message = f"waits for {', '.join(one.item for one in pieces)}: {pieces[0].why}"
    hint = "; ".join(dict.fromkeys(f"`{one.command}`" for one in pieces))
    kind = WaitingError if all(one.state is Outcome.PENDING for one in pieces) else CouldNotLookError
    return kind(message, hint=f"run {hint}")
