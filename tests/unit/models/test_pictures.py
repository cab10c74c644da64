"""Pixels as pictures."""

import numpy as np
import torch

from unispect.models.processing.pictures import pictures_of


def test_levels_are_cut_off_and_not_rounded():
    pixels = torch.tensor([-2.0, -1.0, -0.999, 0.0, 0.999, 1.0, 3.0])
    (picture,) = pictures_of(pixels.expand(1, 3, 2, -1))
    assert (picture.size, picture.mode) == ((7, 2), "RGB")
    assert np.asarray(picture)[1, :, 2].tolist() == [0, 0, 0, 127, 254, 255, 255]
