"""Trials of one shape trained as one stack: each with its own seed, knobs, step and end, and the numbers it has alone.

Members enter and leave at the ends of their epochs, and the rest do not notice. Nothing is read back from the device
between the ends of turns, which are as long as the shortest way of a member to the end of its epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

import torch

from gensweep.devices import moved
from gensweep.errors import Diverged
from gensweep.trainers.arithmetic import products
from gensweep.trainers.compiling import Compiled, Uncompilable
from gensweep.trainers.epochs import Epochs, Means
from gensweep.trainers.loop import Progress, Trainee, read, warm_up
from gensweep.trainers.round import round_of
from gensweep.trainers.stack import Stack, unstackable
from gensweep.trainers.streams import BatchOrder, NoiseChunks

_CPU = torch.device("cpu")
Draws: TypeAlias = dict[str, dict[str, torch.Tensor]]  # player -> name -> what it draws


class Member:
    """A trainee on its way through its epochs, with the random streams of its own seed."""

    def __init__(self, trainee: Trainee, epochs: int, order: BatchOrder) -> None:
        self.trainee, self.order = trainee, order
        self.noise = NoiseChunks(order.seed, trainee.game)
        self.course = Epochs(epochs, order.per_pass, trainee.game.batches_per_round)
        self.before: dict[str, float] = {}
        self.seconds = 0.0
        self._means, self._unread = Means(trainee.game.limits), list[torch.Tensor]()

    @property
    def end(self) -> int:
        """The round that ends the epoch it is in; where it stands, if it has ended."""
        epoch = self.course.after(self.trainee.step)
        return self.trainee.step if epoch is None else self.course.ends[epoch]

    def indices(self, rounds: int) -> torch.Tensor:
        """Which items its next rounds see: [rounds, batches of a round, batch_size]."""
        per_round = self.trainee.game.batches_per_round
        indices = self.order.batches(self.trainee.step * per_round, rounds * per_round)
        return indices.view(rounds, per_round, -1)

    def draws(self, rounds: int) -> Draws:
        """The noise of its next rounds: player -> name -> [rounds, moves, *shape], on the CPU."""
        pieces, step, end = [], self.trainee.step, self.trainee.step + rounds
        while step < end:
            number, first = divmod(step, self.noise.rounds)
            n = min(end - step, self.noise.rounds - first)
            drawn = self.noise.chunk(number, _CPU)
            pieces.append({p: {k: v[first : first + n] for k, v in own.items()} for p, own in drawn.items()})
            step += n
        return {p: {k: torch.cat([piece[p][k] for piece in pieces]) for k in own} for p, own in pieces[0].items()}

    def factors(self, rounds: int) -> list[float]:
        """On its learning rates, of its next rounds."""
        step, technique = self.trainee.step, self.trainee.technique
        return [technique.rate((step + i) / self.course.rounds) for i in range(rounds)]

    def advance(self, names: list[str], values: torch.Tensor) -> Progress | None:
        """Count the rounds whose parts are `values` [rounds, parts]; what there is to say at the end of an epoch.

        Raises:
            Diverged: as alone, which looks at the rounds of one chunk of noise at a time.
        """
        epoch = self.course.after(self.trainee.step)
        assert epoch is not None
        while len(values):
            n = min(len(values), self.noise.rounds - self.trainee.step % self.noise.rounds)
            self._unread.append(values[:n])
            values, self.trainee.step = values[n:], self.trainee.step + n
            if self.trainee.step % self.noise.rounds == 0 or self.trainee.step == self.course.ends[epoch]:
                chunk, self._unread = torch.cat(self._unread), []
                self._means.add(names, chunk, self.trainee.step - len(chunk))
        if self.trainee.step < self.course.ends[epoch]:
            return None
        progress = Progress(epoch, self.trainee.step, self.before | self._means.means(), self.seconds)
        self.before, self.seconds, self._means = {}, 0.0, Means(self.trainee.game.limits)
        return progress


class PackTraining:
    """`n` rows for members of one shape, on one data set.

    Args:
        like: a trainee of that shape; it is not changed, and what only packs of one shape share is taken from it.
        data: [n_items, *shape], on the device of the members or on the CPU.
        batch_size: of every move.
        n: rows; those without a member cost as much as the others.
        compiled: whether a round is compiled as one graph, at the first turn.

    Raises:
        ValueError: `like` can be trained alone only; with the reason.
    """

    def __init__(self, like: Trainee, data: torch.Tensor, batch_size: int, n: int, *, compiled: bool = False) -> None:
        if reason := unstackable(like):
            raise ValueError(f"this trial is trained alone: {reason}")
        self.data, self.batch_size, self.device = data, batch_size, like.device
        self.precision = like.technique.precision
        self.stack = Stack(like, n)
        self.members: dict[int, Member] = {}
        self._eager = round_of(like, self.stack)
        self._round: Callable[..., dict[str, torch.Tensor]] = Compiled(self._eager) if compiled else self._eager

    @property
    def free(self) -> list[int]:
        """The rows without a member."""
        return [row for row in range(self.stack.n) if row not in self.members]

    def enter(self, trainee: Trainee, epochs: int, seed: int) -> int:
        """Give a free row to a trainee, from its step to the end of `epochs` with the random streams of `seed`; the row.

        What comes before its first round is played now, by itself.

        Raises:
            Diverged: there.
        """
        member = Member(trainee, epochs, BatchOrder(seed, len(self.data), self.batch_size))
        began = time.perf_counter()
        if trainee.step == 0:
            member.before = warm_up(trainee, self.data, seed)
        row = self.free[0]
        self.stack.put(row, trainee)
        self.members[row] = member
        member.seconds = time.perf_counter() - began
        return row

    def settle(self, row: int) -> Trainee:
        """The trainee of a row with all that it has become; it can be evaluated, saved, or go on alone."""
        member = self.members[row]
        trainee = member.trainee
        self.stack.take(row, trainee)
        if trainee.step:  # the rates of its last round, which its torch optimiser would hold
            factor = trainee.technique.rate((trainee.step - 1) / member.course.rounds)
            for seat in trainee.seats:
                seat.scale_rate(factor)
        return trainee

    def leave(self, row: int) -> Trainee:
        """Free a row; its trainee as `settle` gives it."""
        trainee = self.settle(row)
        del self.members[row]
        self.stack.clear(row)
        return trainee

    def fall_back(self) -> None:
        """Play rounds eagerly from now on."""
        self._round = self._eager

    def play(self) -> dict[int, Progress | Diverged]:
        """Train until a member ends an epoch or diverges: row -> what there is to say of it.

        A member that diverged, or has ended its last epoch, has left its row, and its trainee is settled. Seconds are a
        member's share of those of the pack.

        Raises:
            Uncompilable: rounds cannot be compiled. Nothing of this turn was played: `fall_back` and play again.
        """
        said: dict[int, Progress | Diverged] = {}
        for row in [row for row, member in self.members.items() if member.end == member.trainee.step]:
            self.leave(row)
        while self.members and not said:
            began = time.perf_counter()
            with products(self.precision, self.device):
                history = self._turn()
            values = read(history)
            share = (time.perf_counter() - began) / len(self.members)
            for row, member in list(self.members.items()):
                member.seconds += share
                if (news := self._advance(member, list(history[0]), values[:, :, row])) is not None:
                    said[row] = news
                    if isinstance(news, Diverged) or member.course.after(member.trainee.step) is None:
                        self.leave(row)
        return said

    def _advance(self, member: Member, names: list[str], values: torch.Tensor) -> Progress | Diverged | None:
        try:
            return member.advance(names, values)
        except Diverged as diverged:
            return diverged

    def _padded(self, member: Member, drawn: Draws) -> Draws:
        """Its draws in the shapes of the stack's; `drawn` has two axes more, of rounds and of moves."""
        padding, shapes = self.stack.padding_of(member.trainee), self.stack.draws
        if padding.own == padding.wide:
            return drawn
        return {
            player: {name: padding.out(v, (*v.shape[:2], *shapes[player][name])) for name, v in own.items()}
            for player, own in drawn.items()
        }

    @torch.no_grad()
    def _turn(self) -> list[dict[str, torch.Tensor]]:
        """The parts of each of some rounds, each [n]: as many rounds as no member's epoch ends before."""
        n = min(min(member.end - member.trainee.step, member.noise.rounds) for member in self.members.values())
        someone = next(iter(self.members.values()))  # whose batches empty rows see too: any would do
        everyone = [self.members.get(row, someone) for row in range(self.stack.n)]
        own_draws, own_indices = (
            {m: self._padded(m, m.draws(n)) for m in self.members.values()},
            {m: m.indices(n) for m in self.members.values()},
        )
        indices = moved(torch.stack([own_indices[m] for m in everyone], 1), self.data.device)
        draws = {
            player: {
                name: moved(torch.stack([own_draws[m][player][name] for m in everyone], 1), self.device)
                for name in wanted
            }
            for player, wanted in self.stack.draws.items()
        }
        rates = {row: member.factors(n) for row, member in self.members.items()}
        factors = torch.tensor([rates.get(row, [0.0] * n) for row in range(self.stack.n)], dtype=torch.float64)
        factors = moved(factors.T.contiguous(), self.device)
        history: list[dict[str, torch.Tensor]] = []
        for i in range(n):
            batches = self.data.index_select(0, indices[i].reshape(-1))
            batches = moved(batches.view(*indices[i].shape, *self.data.shape[1:]), self.device)
            drawn = {player: {name: values[i] for name, values in own.items()} for player, own in draws.items()}
            try:
                history.append(self._round(self.stack.rows, batches, drawn, factors[i]))
            except Uncompilable:
                if not history:
                    raise
                break  # these were played; the next turn begins with the refusal
        return history
