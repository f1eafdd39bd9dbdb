"""Pieces of training programs that the cases of several rules share; each begins at the left margin."""

from __future__ import annotations

# Two convolutions of sixteen filters, the first of 5×5, over the digits.
CONVOLUTIONS = """\
model = nn.Sequential(
    nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10),
)
"""

# A plain recurrent network that answers after the last step.
READER = """\
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.RNN(4, 32, batch_first=True), nn.Linear(32, 4)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])
"""

POOL = """
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(4, 16), nn.Linear(16, 2)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x):
        x = self.embed(x)
        return self.head(self.attention(x, x, x)[0].mean(1))

def majority(n):
    for _ in range(n):
        x = torch.randn(32, 24, 4)
        yield x, (x[..., 0].sum(1) > 0).long()
"""


def majority(length: int, features: int) -> str:
    """Batches of 32 sequences; whether the first feature is positive on the whole is the class."""
    return f"""\
def majority(n):
    for _ in range(n):
        x = torch.randn(32, {length}, {features})
        yield x, (x[..., 0].sum(1) > 0).long()
"""


def clear(name: str, length: int, *, at: int) -> str:
    """Batches of 32 noisy sequences of which the step `at` alone tells the class; the function is called `name`."""
    return f"""\
def {name}(n):
    for _ in range(n):
        y = torch.randint(0, 4, (32,))
        x = torch.randn(32, {length}, 4)
        x[:, {at}] = 3 * nn.functional.one_hot(y, 4)
        yield x, y
"""


def faint(length: int) -> str:
    """The same of the first step, with faint noise about it."""
    return f"""\
def first(n):
    for _ in range(n):
        y = torch.randint(0, 4, (32,))
        x = 0.1 * torch.randn(32, {length}, 4)
        x[:, 0] += nn.functional.one_hot(y, 4)
        yield x, y
"""


def validated(*, period: int, first: int) -> str:
    """A loop of 300 steps on `x`, `y` that logs the loss of `held_x`, `held_y` at step `first` and every `period` steps.

    Its body stands inside a program, four spaces from the margin.
    """
    return f"""
    def train(vitals):
        for step in range(300):
            chosen = torch.randint(0, len(x), (64,))
            optimizer.zero_grad()
            loss_fn(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
            if step % {period} == {first}:
                with torch.no_grad():
                    vitals.log(val_loss=loss_fn(model(held_x), held_y))
"""
