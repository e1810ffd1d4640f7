"""How often something may happen: so many times a minute, each address or session for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

MOST_KEYS = 10_000  # remembered: those that have been quiet the longest are forgotten first
MINUTE = 60.0


class Rate:
    """A bucket of tokens for each key; it fills at a steady rate and holds a minute's worth.

    Parameters
    ----------
    a_minute : float
        How many tokens a key gets in a minute.
    burst : float, optional
        How many it may save. Default: those of a minute, and at least one.
    clock : callable, optional
        Returns seconds.
    """

    def __init__(
        self,
        a_minute: float,
        burst: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.a_minute = a_minute
        self.burst = max(1.0, a_minute) if burst is None else burst
        self._clock = clock
        self._held: dict[Hashable, tuple[float, float]] = {}  # key: tokens, when

    def take(self, key: Hashable, number: float = 1.0) -> float:
        """Take tokens and return 0, or return the seconds until there will be enough."""
        now = self._clock()
        tokens, when = self._held.pop(key, (self.burst, now))
        tokens = min(self.burst, tokens + (now - when) * self.a_minute / MINUTE)
        enough = tokens >= number
        self._held[key] = (tokens - number if enough else tokens, now)  # the last one used, last
        if len(self._held) > MOST_KEYS:
            del self._held[next(iter(self._held))]
        if enough:
            return 0.0
        return (number - tokens) * MINUTE / self.a_minute if self.a_minute else MINUTE
