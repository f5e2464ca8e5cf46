"""Synthetic images of the manual alphabet, rendered from a hand model, with ground truth.

A skeleton with joint limits (``skeleton``) takes a pose (``poses``), gets flesh (``solids``), is rendered
(``render``), coloured (``skin``, ``signer``), lit (``light``) and placed before a background (``scene``,
``picture``); ``dataset`` writes a folder of such images. Results on them say nothing about people.
"""

from handshape.synthetic.dataset import draw_dataset
from handshape.synthetic.picture import DrawnImage, Truth, draw_image
from handshape.synthetic.poses import ALPHABET, random_pose
from handshape.synthetic.signer import Signer, make_signer
from handshape.synthetic.skeleton import JOINTS, LIMITS, pose_array

__all__ = [
    "ALPHABET",
    "JOINTS",
    "LIMITS",
    "DrawnImage",
    "Signer",
    "Truth",
    "draw_dataset",
    "draw_image",
    "make_signer",
    "pose_array",
    "random_pose",
]
