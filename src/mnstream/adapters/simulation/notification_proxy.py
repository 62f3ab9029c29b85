"""A reverse proxy that loses, repeats, delays and reorders the requests that go through it.

In front of a recipient it is the network that reliable notifications are made for; in front of a
producer, the one over which missed ones are fetched. What befalls a request is drawn from a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.http import HttpPool, RequestServer, listen, port_of
from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.adapters.runtime.background import background
from mnstream.ports.channel import Broken, TransportError
from mnstream.ports.transport import Peer

HOP_BY_HOP = frozenset({"connection", "date", "host", "keep-alive", "transfer-encoding"})
"""Headers of one socket, or that either side writes itself."""
HELD_MAX = 256
"""Requests that are held back at the same time; the oldest goes on when there is one more."""
WAIT_S = 10.0
"""How long the target may take to answer."""


class Fate(Enum):
    """What becomes of a request."""

    GOES_ON = "passed on"
    HANG_UP = "hung up on"
    LOSE_ANSWER = "answers lost"
    SWALLOW = "swallowed"
    REJECT = "rejected"
    REFUSE = "refused"
    DELAY = "delayed"
    DUPLICATE = "duplicated"
    HOLD_BACK = "held back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How likely each fault is to befall a request, from 0 to 1; together 1 at most.

    ``refuse`` costs a producer that posts one notification after the other a pause; the rest is
    cheap.

    Attributes:
        hang_up: The socket is closed without an answer, and nothing is passed on.
        lose_answer: It is passed on, and the socket is closed without an answer.
        swallow: It is answered 204 and passed on to nobody.
        reject: It is answered ``reject_status``, by default 400.
        refuse: It is answered 503.
        delay: It is passed on up to ``delay_s`` late.
        duplicate: It is passed on twice.
        hold_back: It is answered 204 and passed on behind up to ``overtakers_max`` later ones, or
            after ``hold_s``.
        delay_s: Longest delay.
        hold_s: How long a request waits for later ones.
        overtakers_max: How many later ones a request waits for, at most.
        reject_status: What rejected requests are answered.
    """

    hang_up: float = 0.0
    lose_answer: float = 0.0
    swallow: float = 0.0
    reject: float = 0.0
    refuse: float = 0.0
    delay: float = 0.0
    duplicate: float = 0.0
    hold_back: float = 0.0
    delay_s: float = 0.05
    hold_s: float = 1.0
    overtakers_max: int = 5
    reject_status: int = 400

    def fate(self, drawn: float) -> Fate:
        """Say what befalls a request for which this was drawn, from 0 to 1."""
        for fate, likelihood in (
            (Fate.HANG_UP, self.hang_up),
            (Fate.LOSE_ANSWER, self.lose_answer),
            (Fate.SWALLOW, self.swallow),
            (Fate.REJECT, self.reject),
            (Fate.REFUSE, self.refuse),
            (Fate.DELAY, self.delay),
            (Fate.DUPLICATE, self.duplicate),
            (Fate.HOLD_BACK, self.hold_back),
        ):
            drawn -= likelihood
            if drawn < 0:
                return fate
        return Fate.GOES_ON


NO_FAULTS = Faults()
Concerns = Callable[[HttpRequest], bool]
"""Says which requests faults may befall."""


class _Held:
    """A request that lets others overtake it."""

    __slots__ = ("due", "overtakers", "request")

    def __init__(self, request: HttpRequest, overtakers: int) -> None:
        self.request = request
        self.overtakers = overtakers
        self.due = anyio.Event()


class NotificationProxy(RequestServer):
    """Passes HTTP requests on to one server, except for those that a fault befalls.

    ``faults`` and ``concerns`` may be replaced at any time. What the target answers is passed back
    as it is; a target that is not there is answered for with 502.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        seed: int,
        faults: Faults = NO_FAULTS,
        concerns: Concerns | None = None,
    ) -> None:
        """Pass on to this address; it may come and go.

        Args:
            host: Name or address of the target.
            port: Its port.
            seed: Decides what befalls the first request, the second, and so on.
            faults: What may befall them.
            concerns: Says which requests faults may befall, None for all; the others are passed on
                as they are and draw nothing.
        """
        super().__init__(self._pass_on)
        self.faults = faults
        self.port = 0
        """Port on 127.0.0.1, once it runs."""
        self.counts: Counter[Fate] = Counter()
        """What became of the requests so far."""
        self.aim(host, port)
        self._random = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
        self.concerns = concerns
        self._pool = HttpPool()
        self._held: list[_Held] = []
        self._tasks: TaskGroup | None = None

    def aim(self, host: str, port: int) -> None:
        """Pass requests on to this address from now on."""
        self._target = Origin(False, host, port)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncGenerator[None]:
        """Forward while the block runs, once; what is held back at its end is lost."""
        listeners = await listen("127.0.0.1", port)
        self.port = port_of(listeners)
        try:
            async with background() as tasks:
                self._tasks = tasks
                tasks.start_soon(self.serve, listeners)
                yield
        finally:
            self._tasks = None
            await self._pool.aclose()

    async def _answer(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        """Let a request meet its fate.

        Raises:
            Broken: The peer gets no answer; whoever serves the socket closes it.
        """
        fate = Fate.GOES_ON
        if self.concerns is None or self.concerns(request):
            fate = self.faults.fate(self._random.random())
        self.counts[fate] += 1
        match fate:
            case Fate.HANG_UP:
                raise Broken("hung up")
            case Fate.REFUSE:
                return HttpResponse(status=503)
            case Fate.REJECT:
                return HttpResponse(status=self.faults.reject_status)
            case Fate.SWALLOW:
                return HttpResponse(status=204)
            case Fate.HOLD_BACK:
                self._hold_back(request)
                return HttpResponse(status=204)
            case Fate.DELAY:
                await anyio.sleep(self._random.uniform(0, self.faults.delay_s))
            case Fate.GOES_ON | Fate.DUPLICATE | Fate.LOSE_ANSWER:
                pass
            case _:
                assert_never(fate)
        answer = await super()._answer(request, peer)
        if fate is Fate.DUPLICATE and self._tasks is not None:
            self._tasks.start_soon(self._pass_on_unheard, request)
        self._let_overtaken_go()
        if fate is Fate.LOSE_ANSWER:
            raise Broken("the answer is lost")
        return answer

    def _hold_back(self, request: HttpRequest) -> None:
        if self._tasks is None:
            return
        held = _Held(request, self._random.randint(1, self.faults.overtakers_max))
        self._held.append(held)
        self._tasks.start_soon(self._hold, held, self.faults.hold_s)
        if len(self._held) > HELD_MAX:
            self._held.pop(0).due.set()

    async def _hold(self, held: _Held, hold_s: float) -> None:
        with anyio.move_on_after(hold_s):
            await held.due.wait()
        if held in self._held:
            self._held.remove(held)
        await self._pass_on_unheard(held.request)

    def _let_overtaken_go(self) -> None:
        """Count a request that was passed on against those that wait for it."""
        for held in tuple(self._held):
            held.overtakers -= 1
            if not held.overtakers:
                self._held.remove(held)
                held.due.set()

    async def _pass_on_unheard(self, request: HttpRequest) -> None:
        """Pass a request on whose answer nobody waits for."""
        with suppress(TransportError):
            await self._ask(request)

    async def _pass_on(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        """Ask the target, and answer for it when it does not."""
        try:
            answer = await self._ask(request)
        except TransportError:
            return HttpResponse(status=502)
        headers = tuple((n, v) for n, v in answer.headers if n.lower() not in HOP_BY_HOP)
        return HttpResponse(status=answer.status, headers=headers, body=answer.body)

    async def _ask(self, request: HttpRequest) -> HttpResponse:
        """Send a request to the target.

        Raises:
            TransportError: It does not answer.
        """
        headers = tuple((n, v) for n, v in request.headers if n.lower() not in HOP_BY_HOP)
        sent = HttpRequest(
            method=request.method, target=request.target, headers=headers, body=request.body
        )
        try:
            with anyio.fail_after(WAIT_S):
                return await self._pool.request(self._target, sent)
        except TimeoutError as error:
            raise Broken(f"no answer within {WAIT_S:g} s") from error
