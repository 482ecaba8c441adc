"""A warning's phases, in their order.

An incident is graded (how bad), lives (issued, escalated, eased, cleared) and is written down,
one version per change::

    IncidentView -> grading.grade -> lifecycle.Life -> versions.write_version -> Alert

``fusion`` is how sources add up to a score, ``verdicts`` what people's verdicts on earlier warnings
(each a ``case``) make of it.

``step.IssueWarnings`` keeps that order in event time; ``cover.CoverCells`` then says which cells
the active warnings cover. Each phase calls the one before it and none calls back.
"""
