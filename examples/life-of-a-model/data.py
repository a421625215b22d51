"""Writes scikit-learn's digits, 8 × 8 pixels of 0 to 1, to a folder as .npz files of images and labels.

usage: data.py FOLDER
"""
import sys

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images = (digits.images[order, :, :, None] / 16).astype(np.float32)
labels = digits.target[order].astype(np.int32)


def as_another_scanner_has_them(pictures):
    """One pixel further down and to the right, and pale."""
    return (0.35 + 0.5 * np.roll(pictures, (1, 1), axis=(1, 2))).astype(np.float32)


def save(name, chosen, change=lambda pictures: pictures):
    np.savez(f"{sys.argv[1]}/{name}.npz", image=change(images[chosen]), labels=labels[chosen])


save("train", slice(0, 900))
save("calibration", slice(0, 100))
save("test", slice(900, 1200))
save("live", slice(1200, 1500))
save("shifted", slice(1500, 1797), as_another_scanner_has_them)
# What was learned from labels that came later: the pictures of the new scanner that are not asked again.
save("shifted-train", slice(0, 900), as_another_scanner_has_them)
