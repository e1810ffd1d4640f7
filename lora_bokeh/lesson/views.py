"""The live views of the lesson, with the targets that its acts speak of."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.lesson.answers.directions import NOISY, four_values, needs, noisy_update
from lora_bokeh.lesson.material import measured
from lora_bokeh.views.explorer.data import Opened
from lora_bokeh.views.explorer.view import LoraExplorer

WIDTH = 768  # of the matrices that the two adapters are for


class LessonExplorer(LoraExplorer):
    """A LoraExplorer on the gallery and three targets more."""

    def _offered(self) -> dict[str, Opened]:
        return {**super()._offered(), **_targets()}


@cache
def _targets() -> dict[str, Opened]:
    return {
        "four values": Opened("four values", four_values()),
        NOISY: Opened(NOISY, noisy_update()),
        "SAM, rank 16": Opened("SAM, rank 16", neediest_pair()),
    }


def neediest_pair() -> LowRank:
    """Return a pair with the measured singular values of the one that needs the most ranks.

    Its directions are random: residuals and energy do not depend on them.
    """
    s = np.array(measured()["singular_values"]["16"][int(np.argmax(needs()[16]))])
    rng = np.random.default_rng(16)
    U, V = (np.linalg.qr(rng.standard_normal((WIDTH, len(s))))[0] for _ in range(2))
    return LowRank(U * s, V.T)
