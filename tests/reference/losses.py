"""Writes tests/reference/losses: every loss of the table, values and gradients. Run it from anywhere; it takes a minute.

Needs the packages of requirements.txt. README.md beside it says what the files hold and what was decided where the papers leave room.
"""

import torch

import adversarial_losses
import embedding_losses
import feature_losses
import pixel_losses
import segmentation_losses
from recorder import Recorder

if __name__ == "__main__":
    torch.set_num_threads(2)
    recorder = Recorder("losses")
    for group in [pixel_losses, segmentation_losses, feature_losses, embedding_losses, adversarial_losses]:
        group.record(recorder)
    recorder.write()
    maps = Recorder("weight-maps")
    segmentation_losses.weight_maps(maps)
    maps.write()
