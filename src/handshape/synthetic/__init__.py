"""Drawn hands: pictures of the manual alphabet from a hand model, of any number and with known truth.

A skeleton with joint limits (``skeleton``) takes a pose (``poses``), is covered with flesh (``solids``), seen
by a camera (``render``), painted (``skin``, ``signer``), lit (``light``) and photographed before a background
(``scene``, ``picture``); ``dataset`` writes a folder of such pictures. No claim about people is made from
them.
"""

from handshape.synthetic.dataset import draw_dataset
from handshape.synthetic.picture import DrawnImage, Truth, draw_image
from handshape.synthetic.poses import LETTERS, random_pose
from handshape.synthetic.signer import Signer, make_signer
from handshape.synthetic.skeleton import JOINTS, LIMITS, pose_array

__all__ = [
    "JOINTS",
    "LETTERS",
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
