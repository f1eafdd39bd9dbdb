"""Two networks, two optimizers: a GAN that learns eight islands in the plane.

Both networks are watched as one model, so that both stand in one log, under `generator` and `discriminator`. A step of the log
is one round: one update of each. Eight normal distributions on a circle are a common toy for this (Metz et al., Unrolled
Generative Adversarial Networks, 2017, arXiv:1611.02163); here the circle has radius 1, and they deviation 0.05.

    python examples/gan.py
    torchvitals dashboard runs/gan
"""

from __future__ import annotations

import argparse
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import torchvitals

BATCH, NOISE, ISLANDS = 128, 8, 8


def real_points() -> Tensor:
    """A batch from the mixture: (BATCH, 2)."""
    angle = torch.randint(ISLANDS, (BATCH,)) * (2 * math.pi / ISLANDS)
    return torch.stack((angle.cos(), angle.sin()), dim=1) + 0.05 * torch.randn(BATCH, 2)


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of 64."""
    return nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def main() -> None:
    """Train, then say what the log tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--logdir", default="runs/gan", help="folder of the log (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=500, help="rounds (default: %(default)s)")
    options = parser.parse_args()

    torch.manual_seed(0)
    nets = nn.ModuleDict({"generator": mlp(NOISE, 2), "discriminator": mlp(2, 1)})
    generator, discriminator = nets["generator"], nets["discriminator"]
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    # Both optimizers are passed, so that it is known from the first step on when a round is over.
    with torchvitals.watch(nets, [of_discriminator, of_generator], logdir=options.logdir) as vitals:
        for _ in range(options.steps):
            fake = generator(torch.randn(BATCH, NOISE))
            of_discriminator.zero_grad()
            told = F.binary_cross_entropy_with_logits(discriminator(real_points()), ones)
            told = told + F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zeros)
            told.backward()
            of_discriminator.step()

            # This backward pass also leaves gradients in the discriminator; its `zero_grad` above removes them.
            of_generator.zero_grad()
            fooled = F.binary_cross_entropy_with_logits(discriminator(fake), ones)
            fooled.backward()
            of_generator.step()
            # Which of the two is "the" loss nobody can see from outside, so both are logged by name.
            vitals.log(discriminator_loss=told, generator_loss=fooled)

    diagnosis = torchvitals.diagnose(options.logdir)
    print(f"{options.logdir}: {diagnosis.verdict}")
    for finding in diagnosis.roots:
        print(f"- {finding.summary}", *(remedy.change for remedy in finding.remedies[:1]))


if __name__ == "__main__":
    main()
