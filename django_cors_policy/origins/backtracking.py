"""Count the steps that ``re`` takes for a text that does not match, without running ``re``.

If a pattern can match a text in several ways, ``re`` tries one after another until one works. If
none works, it tries them all. The number of ways can grow with a power of the text's length, or
double with each character. This module follows all ways at once and only counts them, which is
always fast. It measures no time, so the answer is the same on every machine.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .regex_tree import Atomic, Characters, Choice, Node, Repeat, Sequence

# Patterns with more places (characters, with each repetition written out) or more work are not
# analyzed. Real patterns need a hundredth of these limits.
MOST_PLACES = 20_000
MOST_WORK = 300_000
# In how many ways a part can match the empty text. Real patterns have far fewer.
MOST_EMPTY = 10_000
# How many texts the search extends side by side. To make very long texts, it repeats the last 1 to
# LONGEST_PERIOD characters. To choose this number, it compares TRIED_PERIODS more characters.
BEAM = 8
LONGEST_PERIOD = 8
TRIED_PERIODS = 48


class BudgetSpentError(Exception):
    """The pattern is too large or too complex to be analyzed."""


class Texts(NamedTuple):
    """The texts that attackers can send, and how they are matched.

    ``is_beginning`` returns whether a text that can be sent begins like this. ``is_text`` returns
    whether a text with one of ``endings`` can be sent; an ending may turn a matching text into one
    that does not match. With ``is_prefix``, it is enough that the beginning matches. After
    ``periodic_from`` characters, texts only repeat a block.
    """

    alphabet: str
    is_beginning: Callable[[str], bool]
    endings: tuple[str, ...]
    is_text: Callable[[str], bool]
    is_prefix: bool
    periodic_from: int


# Place -> in how many ways it is reached.
_Ways = dict[int, int]


class _Attempt(NamedTuple):
    """A text, the places that it leads to, and the number of steps so far."""

    text: str
    ways: _Ways
    steps: int


class _Edge(NamedTuple):
    """Leads to the place ``to`` on one of ``characters``, in ``ways`` ways."""

    to: int
    characters: frozenset[str]
    ways: int


class _Exit(NamedTuple):
    """A place where a fragment can end, unless one of ``unless`` follows."""

    place: int
    ways: int
    unless: frozenset[str] = frozenset()


class _Fragment(NamedTuple):
    """A part of the pattern: in how many ways it matches nothing, its beginnings and its ends."""

    empty: int
    entries: list[tuple[int, int]]
    exits: list[_Exit]


_EMPTY = _Fragment(1, [], [])


class Automaton:
    """The places of a pattern's characters, and which can follow each.

    It is Glushkov's automaton (https://en.wikipedia.org/wiki/Glushkov%27s_construction_algorithm),
    which also keeps the number of ways. Parts that take a character are repeated at most
    ``most_repeats`` times. All methods can raise ``BudgetSpentError``.
    """

    def __init__(self, tree: Node, alphabet: str, most_repeats: int) -> None:
        self._most_repeats = most_repeats
        self._work = 0
        # Place 0 is before the first character.
        self._characters: list[frozenset[str]] = [frozenset()]
        self._edges: list[list[_Edge]] = [[]]
        # Where repetitions begin, and so where texts can be extended.
        self._heads: list[int] = []
        # A condition may fail after everything else has matched.
        self._is_conditional = False
        whole = self._build(tree)
        self._link([_Exit(0, 1)], whole.entries)
        self._final = {end.place for end in whole.exits} | ({0} if whole.empty else set())
        self._representatives = self._represent(alphabet)
        self._alphabet = tuple(dict.fromkeys(self._representatives.values()))
        self._moves = functools.cache(self._find_moves)

    def _spend(self, work: int) -> None:
        self._work += work
        if self._work > MOST_WORK:
            raise BudgetSpentError

    # -- Building.

    def _build(self, node: Node) -> _Fragment:
        match node:
            case Characters():
                return self._place(node.admitted)
            case Sequence():
                return functools.reduce(self._join, map(self._build, node.parts), _EMPTY)
            case Choice():
                branches = list(map(self._build, node.branches))
                return _Fragment(
                    sum(branch.empty for branch in branches),
                    [entry for branch in branches for entry in branch.entries],
                    [end for branch in branches for end in branch.exits],
                )
            case Repeat():
                return self._repeat(node)
            case Atomic():
                return self._without_return(self._build(node.part))
            case _:  # Assertion
                self._is_conditional = True
                return self._build(node.part)._replace(empty=1, exits=[])

    def _place(self, characters: frozenset[str]) -> _Fragment:
        place = len(self._edges)
        if place > MOST_PLACES:
            raise BudgetSpentError
        self._characters.append(characters)
        self._edges.append([])
        return _Fragment(0, [(place, 1)], [_Exit(place, 1)])

    def _join(self, one: _Fragment, two: _Fragment) -> _Fragment:
        self._link(one.exits, two.entries)
        entries, exits = one.entries, two.exits
        if one.empty:
            entries = [*entries, *((place, ways * one.empty) for place, ways in two.entries)]
        if two.empty:
            exits = [*exits, *(end._replace(ways=end.ways * two.empty) for end in one.exits)]
        self._spend(1 + len(entries) + len(exits))
        if one.empty * two.empty > MOST_EMPTY:
            raise BudgetSpentError
        return _Fragment(one.empty * two.empty, entries, exits)

    def _repeat(self, node: Repeat) -> _Fragment:
        first = self._build(node.part)
        heads = len(self._heads)

        def copy() -> _Fragment:
            fragment = self._build(node.part)
            del self._heads[heads:]  # the heads of the first turn are enough
            return fragment

        turns = itertools.chain([first], iter(copy, None))
        # Repetitions that match nothing happen even for the shortest text.
        if first.empty and node.least > MOST_PLACES:
            raise BudgetSpentError
        least = node.least if first.empty else min(node.least, self._most_repeats)
        if node.most is None:
            fragment = next(turns)
            self._link(fragment.exits, fragment.entries)
            ways = 1 + fragment.empty
            fragment = fragment._replace(empty=ways * fragment.empty if least else ways)
            least -= 1
        else:
            fragment = _EMPTY
            for _ in range(min(node.most, self._most_repeats) - least):
                turn = next(turns)
                # re leaves the loop after an optional turn that matched nothing.
                fragment = self._join(turn._replace(empty=0), fragment)
                fragment = fragment._replace(empty=1 + turn.empty)
        for _ in range(least):
            fragment = self._join(next(turns), fragment)
        if node.most != 1:
            self._heads += [place for place, _ in fragment.entries[:1]]
        return fragment

    def _without_return(self, inner: _Fragment) -> _Fragment:
        """Return ``inner`` with ends only where it can match no more, so there is one way."""
        exits = [
            end._replace(
                unless=end.unless.union(*(edge.characters for edge in self._edges[end.place]))
            )
            for end in inner.exits
        ]
        return inner._replace(exits=exits)

    def _link(self, exits: list[_Exit], entries: list[tuple[int, int]]) -> None:
        self._spend(len(exits) * len(entries))
        for end in exits:
            for place, ways in entries:
                characters = self._characters[place]
                if end.unless:
                    characters -= end.unless
                self._edges[end.place].append(_Edge(place, characters, end.ways * ways))

    def _represent(self, alphabet: str) -> dict[str, str]:
        """Map each character to the first one that the pattern treats the same, except "./:"."""
        sets = set(self._characters)
        self._spend(len(sets) * len(alphabet))
        groups: dict[object, str] = {}
        return {
            character: groups.setdefault(
                character if character in "./:" else tuple(character in item for item in sets),
                character,
            )
            for character in alphabet
        }

    # -- Running.

    def _find_moves(self, place: int) -> dict[str, list[tuple[int, int]]]:
        """Return the moves from ``place``, by character."""
        found: dict[str, list[tuple[int, int]]] = {}
        for to, characters, ways in self._edges[place]:
            # In the order of the alphabet: the order of a set differs between processes.
            for character in filter(characters.__contains__, self._alphabet):
                found.setdefault(character, []).append((to, ways))
        return found

    def _advance(self, attempt: _Attempt) -> Iterator[_Attempt]:
        """Yield the attempt with one more character, for each one that leads to a place."""
        found: dict[str, _Ways] = {}
        for place, ways in attempt.ways.items():
            for character, moves in self._moves(place).items():
                self._follow(moves, ways, found.setdefault(character, {}))
        for character, reached in found.items():
            yield self._attempt(attempt, character, reached)

    def _step(self, attempt: _Attempt, character: str) -> _Attempt:
        """Return the attempt with ``character`` added, even if it leads to no place."""
        like = self._representatives.get(character, "")
        reached: _Ways = {}
        for place, ways in attempt.ways.items():
            self._follow(self._moves(place).get(like, []), ways, reached)
        return self._attempt(attempt, character, reached)

    def _follow(self, moves: list[tuple[int, int]], ways: int, reached: _Ways) -> None:
        self._spend(len(moves))
        for to, more in moves:
            reached[to] = reached.get(to, 0) + ways * more

    def _attempt(self, before: _Attempt, character: str, reached: _Ways) -> _Attempt:
        # Each way tries all edges of its place.
        steps = sum(ways * (1 + len(self._edges[place])) for place, ways in reached.items())
        return _Attempt(before.text + character, reached, before.steps + steps)

    def _run_on(self, attempt: _Attempt, text: str) -> _Attempt:
        return functools.reduce(self._step, text, attempt)

    def _run(self, text: str) -> _Attempt:
        return self._run_on(_Attempt("", {0: 1}, 1), text)

    def count_steps(self, text: str) -> int:
        """Return how many steps ``re`` takes for ``text`` if it does not match."""
        self._work = 0
        return self._run(text).steps

    # -- Finding the worst text.

    def costly_text(self, texts: Texts, limit: int) -> str | None:
        """Return a text that takes more than ``limit`` steps and does not match, or None."""
        if not self.is_ambiguous:
            return None
        self._work = 0
        seen: set[frozenset[int]] = set()
        for start in self._starts(texts):
            if found := self._climb(start, texts, limit, seen):
                return found
        return None

    @functools.cached_property
    def is_ambiguous(self) -> bool:
        """Whether a text leads to one place in two ways. If not, the steps grow linearly."""
        self._work = 0
        pairs = [(0, 0)]
        seen = set(pairs)
        for one, two in pairs:  # grows during the loop
            here, there = self._moves(one), self._moves(two)
            for character in filter(there.__contains__, here):
                self._spend(len(here[character]) * len(there[character]))
                steps = itertools.product(enumerate(here[character]), enumerate(there[character]))
                for (index, (to, ways)), (other, (also_to, _)) in steps:
                    is_one_way = one == two and index == other and ways == 1
                    if to == also_to and not is_one_way:
                        return True
                    pair = min(to, also_to), max(to, also_to)
                    if pair not in seen:
                        seen.add(pair)
                        pairs.append(pair)
        return False

    def _starts(self, texts: Texts) -> Iterator[_Attempt]:
        """Yield short texts: the empty one, and one that leads to each repetition."""
        yield self._run("")
        texts_to = {0: ""}
        for place, text in (queue := [(0, "")]):  # grows during the loop
            for character, moves in self._moves(place).items():
                for to, _ in moves:
                    if to not in texts_to and texts.is_beginning(text + character):
                        texts_to[to] = text + character
                        queue.append((to, text + character))
        for head in self._heads:
            if head in texts_to:
                yield self._run(texts_to[head])

    def _climb(
        self, start: _Attempt, texts: Texts, limit: int, seen: set[frozenset[int]]
    ) -> str | None:
        """Extend ``start`` repeatedly by the characters that lead on in the most ways.

        Keep only the costliest of the texts that lead to the same places. Add these to ``seen``.
        """
        beam = [] if frozenset(start.ways) in seen else [start]
        while beam:
            if len(beam[0].text) >= texts.periodic_from:
                return self._repeat_ends(beam, texts, limit)
            best: dict[frozenset[int], _Attempt] = {}
            for attempt in beam:
                for further in self._advance(attempt):
                    if not self._goes_on(further, texts):
                        continue
                    if self._is_costly(further, texts, limit):
                        return further.text
                    places = frozenset(further.ways)
                    if places not in best or _rank(further) > _rank(best[places]):
                        best[places] = further
            seen.update(best)
            beam = heapq.nlargest(BEAM, best.values(), key=_rank)
        return None

    def _repeat_ends(self, beam: list[_Attempt], texts: Texts, limit: int) -> str | None:
        """Extend the text whose last characters, repeated, cost the most."""
        trials = []
        for attempt in beam:
            for period in range(1, LONGEST_PERIOD + 1):
                block = attempt.text[-period:]
                longer = self._lengthen(attempt, block * (TRIED_PERIODS // period), texts)
                *_, last = attempt, *longer
                trials.append((last, block))
        last, block = max(trials, key=lambda trial: trial[0].steps)
        for attempt in self._lengthen(last, itertools.cycle(block), texts):
            if self._is_costly(attempt, texts, limit):
                return attempt.text
        return None

    def _lengthen(
        self, attempt: _Attempt, characters: Iterable[str], texts: Texts
    ) -> Iterator[_Attempt]:
        for character in characters:
            attempt = self._step(attempt, character)
            if not attempt.ways or not self._goes_on(attempt, texts):
                return
            yield attempt

    def _goes_on(self, attempt: _Attempt, texts: Texts) -> bool:
        has_matched = texts.is_prefix and self._is_final(attempt)
        return texts.is_beginning(attempt.text) and not has_matched

    def _is_costly(self, attempt: _Attempt, texts: Texts, limit: int) -> bool:
        """Return whether the text takes too many steps, and fails with one of the endings."""
        return attempt.steps > limit and any(
            texts.is_text(attempt.text + ending)
            and not self._is_final(self._run_on(attempt, ending))
            for ending in texts.endings
        )

    def _is_final(self, attempt: _Attempt) -> bool:
        return not self._is_conditional and not self._final.isdisjoint(attempt.ways)


def _rank(attempt: _Attempt) -> tuple[int, int]:
    return sum(attempt.ways.values()), attempt.steps
