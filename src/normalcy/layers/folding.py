"""Folding batch normalisation into the convolution before it: the same function in fewer passes, for scoring."""

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(module: nn.Module) -> nn.Module:
    """A copy, in evaluation mode, whose convolutions do the work of the batch normalisation that follows them.

    Looks at neighbours within each `Sequential`, and at modules whose two layers are called `conv` and `bn`, as
    torchvision's are; the module itself stays as it is.
    """
    module = copy.deepcopy(module).eval()
    for block in module.modules():
        first, second = getattr(block, "conv", None), getattr(block, "bn", None)
        # A kind of normalisation that does more, such as timm's with an activation, is left alone.
        if isinstance(first, nn.Conv2d) and type(second) is nn.BatchNorm2d:
            block.conv, block.bn = fuse_conv_bn_eval(first, second), nn.Identity()
    for sequence in [each for each in module.modules() if isinstance(each, nn.Sequential)]:
        for place, (first, second) in enumerate(pairwise(list(sequence))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                sequence[place], sequence[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return module
