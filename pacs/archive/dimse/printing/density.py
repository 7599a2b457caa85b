"""Optical density of film, and the gray of a page that looks like it."""

import numpy as np
import numpy.typing as npt

from pacs.archive.dimse.printing.refused import INVALID_VALUE, Refused

_NAMED = {"BLACK": 0, "WHITE": 255}
_DISPLAY_GAMMA = 2.2


def gray_of_density(optical_density: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """The gray, 0–255, of densities in OD: the light that passes, 10^−OD, as a display of gamma 2.2 shows it."""
    light: npt.NDArray[np.float64] = np.power(10.0, -np.asarray(optical_density, dtype=np.float64))
    return np.rint(255 * light ** (1 / _DISPLAY_GAMMA)).astype(np.uint8)


def gray_of(term: str) -> int:
    """The gray of a Border Density or Empty Image Density: BLACK, WHITE or hundredths of OD; `Refused` otherwise."""
    if term in _NAMED:
        return _NAMED[term]
    if not term.isdecimal() or len(term) > 4:
        raise Refused(INVALID_VALUE, "a density: BLACK, WHITE or hundredths of OD")
    return int(gray_of_density(int(term) / 100))
