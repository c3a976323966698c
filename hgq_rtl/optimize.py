"""From a lowered graph to an optimised one, cut into stages for the clock that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hgq_rtl.errors import ScheduleError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.optimized import Optimized
from hgq_rtl.passes.pipeline import DEFAULT, TIMED, PassRecord, run
from hgq_rtl.passes.target import Target
from hgq_rtl.schedule.greedy import check_wanted, clock_ps, schedule, shortest_clock
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.schedule.split import fewer_stages, reachable
from hgq_rtl.timing.model import DelayModel
from hgq_rtl.timing.timeline import Cuts

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What was asked for: a period, a number of stages, or both; the fewest registers or not."""

    model: DelayModel
    clock_ns: float | None
    stages: int | None
    max_latency_ns: float | None
    registers: Mapping[str, bool]
    minimize: bool

    def schedule(self, graph: Graph, clock_ns: float) -> Schedule:
        """A schedule for the clock that was given, or found where only stages were."""
        return schedule(graph, self.model, clock_ns, stages=self.stages, **self.registers)

    def check(self, plan: Schedule, clock_ns: float) -> None:
        """Raise ScheduleError for a longer latency than was allowed."""
        latency_ns = plan.latency * clock_ns
        if self.max_latency_ns is not None and latency_ns > self.max_latency_ns:
            raise ScheduleError(
                f"the latency is {plan.latency} clocks = {latency_ns:g} ns",
                received=f"max_latency_ns={self.max_latency_ns:g}",
                hint="Ask for fewer stages, a faster device, or registers at one end only",
            )


def optimize(
    lowered: Graph, wanted: Wanted, skip: Collection[str], dump: Path | None, progress: Progress
) -> Optimized:
    """Passes, and a schedule for the clock.

    Matrices are as small as they get within a level of their fastest; where the fastest clock is
    asked for, or what is asked for is not met so, no output of theirs comes later than it has to.
    """
    check_wanted(wanted.clock_ns, wanted.stages, wanted.max_latency_ns)
    small, fast = Target(wanted.model), Target(wanted.model, extra_levels=0)
    found = None
    if wanted.clock_ns is not None:
        with suppress(ScheduleError):
            found = _built(lowered, wanted, small, skip, dump, progress)
    if found is None:
        found = _built(lowered, wanted, fast, skip, dump, progress)
    # Not above, where a schedule that is wrong would pass for one that does not exist.
    found.schedule.check(found.graph, wanted.model, clock_ps(found.clock_ns))
    return found


def _built(
    lowered: Graph,
    wanted: Wanted,
    target: Target,
    skip: Collection[str],
    dump: Path | None,
    progress: Progress,
) -> Optimized:
    model = target.device
    graph, records = run(
        lowered,
        target=target,
        passes=DEFAULT[: -len(TIMED)],
        skip=set(skip).difference(TIMED),
        dump=dump,
        progress=progress,
    )
    clock_ns = wanted.clock_ns or _fastest(graph, wanted, target, skip)
    plain = graph = reachable(graph, model, clock_ps(clock_ns))
    for name in TIMED:
        if name not in skip and model.has_lut6:
            progress(name)
            graph, more = _in_time(graph, wanted, clock_ns, name, dump)
            records += more
    progress("schedule")
    try:
        graph = fewer_stages(graph, model, clock_ns)
        plan = wanted.schedule(graph, clock_ns)
    except ScheduleError:
        # The error names the fastest clock there is.
        if wanted.stages is None or _shorter(plain, graph, wanted.stages, model):
            wanted.schedule(plain, clock_ns)
        raise
    wanted.check(plan, clock_ns)
    if wanted.minimize:
        progress("registers")
        # Imported late: SciPy's solvers take a third of a second, and a kept design needs none.
        from hgq_rtl.schedule.minimal import fewest_registers

        plan = fewest_registers(graph, model, clock_ps(clock_ns), plan)
    return Optimized(graph, plan, float(clock_ns), tuple(records))


def _fastest(graph: Graph, wanted: Wanted, target: Target, skip: Collection[str]) -> float:
    """The fastest clock in ns for the stages that are wanted.

    Sums of three are fewer in a row and slower each: with all or with none it may be faster.
    """
    assert wanted.stages is not None
    every, _ = run(
        graph, target=target, passes=DEFAULT[-len(TIMED) :], skip=set(skip).intersection(TIMED)
    )
    return min(shortest_clock(each, wanted.model, wanted.stages) for each in (graph, every)) / 1000


def _shorter(a: Graph, b: Graph, stages: int, model: DelayModel) -> bool:
    return shortest_clock(a, model, stages) < shortest_clock(b, model, stages)


def _in_time(
    graph: Graph, wanted: Wanted, clock_ns: float, name: str, dump: Path | None
) -> tuple[Graph, list[PassRecord]]:
    """One of the last passes: all that saves area if it costs no stage, or else what is in time."""
    number = [each for each, _ in DEFAULT].index(name)

    def within(cuts: Cuts | None) -> tuple[Graph, list[PassRecord]]:
        target = Target(wanted.model, cuts=cuts)
        other, records = run(
            graph, target=target, passes=DEFAULT[number : number + 1], dump=dump, first=number + 1
        )
        return other, records[1:]

    found = within(None)
    try:
        latency = wanted.schedule(found[0], clock_ns).latency
    except ScheduleError:
        latency = None  # what was made is slower alone than the clock, or it takes more stages
    try:
        plan = wanted.schedule(graph, clock_ns)
    except ScheduleError:
        # Of sums of three there are fewer in a row; where these are too slow, too, a pass to come
        # may make up for it.
        return found
    if latency is not None and latency <= plan.latency:
        return found
    budget = clock_ps(clock_ns) - wanted.model.register_overhead
    return within(Cuts(budget, plan.last - plan.first + 1))
