"""What is known of one restore while it runs: nothing written here is lost when the next step breaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from restore_lab.clock import Clock
from restore_lab.events import Entered, Found, Listener, Stage
from restore_lab.evidence import Moment, RestoreRecord
from restore_lab.findings import Code, Finding, Param


@dataclass(kw_only=True, slots=True)
class Notebook:
    """The record so far, the findings, the errors behind them, and the stage that is under way."""

    record: RestoreRecord
    listen: Listener
    clock: Clock = field(default_factory=Clock)
    findings: list[Finding] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    stage: Stage = Stage.FIND

    def enter(self, stage: Stage, about: str = "") -> None:
        """Begin a stage, with its time."""
        if stage is not self.stage or not self.record.timeline:
            self.keep(timeline=(*self.record.timeline, Moment(name=stage.value, at=self.clock.now())))
        self.stage = stage
        self.listen(Entered(stage=stage, about=about))

    def keep(self, **seen: Any) -> None:  # noqa: ANN401 - fields of RestoreRecord, checked by `replace`
        """Set fields of the record."""
        self.record = replace(self.record, **seen)

    def note(self, what: Code, /, **params: Param) -> None:
        """Note a finding of this restore."""
        self.note_all((Finding(code=what, params=tuple(params.items())),))

    def note_all(self, findings: Iterable[Finding]) -> None:
        """Note findings as belonging to this restore; their text parameters are made safe."""
        for one in findings:
            here = one.made_safe(restore_id=self.record.restore_id)
            self.findings.append(here)
            self.listen(Found(finding=here))

    def broken(self, error: BaseException, what: Code, /, **params: Param) -> None:
        """Note a finding that an error of ours or of a tool stands behind."""
        self.faults.append(error)
        self.note(what, **params)
