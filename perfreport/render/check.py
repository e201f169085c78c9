"""A check as table, JSON, JUnit XML and Markdown: the same words in each."""

from __future__ import annotations

from xml.etree import ElementTree

from rich.console import Console

from perfreport import units
from perfreport.judge.findings import (
    AuditFinding,
    Check,
    ObjectiveFinding,
    Severity,
    Status,
    Verdict,
)
from perfreport.render import json
from perfreport.render.build_finding import margin_text, requirement_name
from perfreport.render.table import Column, Table, captured, for_markdown, markdown_text, printable
from perfreport.render.table import for_terminal as print_table

VERDICT_WORDS = {
    Verdict.READY: "Ready",
    Verdict.CONDITIONS: "Ready with conditions",
    Verdict.NOT_READY: "Not ready",
    Verdict.UNDECIDED: "Undecided",
}
STATUS_WORDS = {
    Status.PASS: "pass",
    Status.AT_RISK: "at risk",
    Status.FAIL: "FAIL",
    Status.NO_DATA: "no data",
    Status.TOO_FEW: "too few",
    Status.MANUAL: "to sign",
}
_STYLES = {
    Status.FAIL: "bold red",
    Status.AT_RISK: "yellow",
    Status.NO_DATA: "magenta",
    Status.TOO_FEW: "magenta",
    Status.MANUAL: None,
    Status.PASS: None,
}
_VERDICT_STYLES = {
    Verdict.READY: "bold green",
    Verdict.CONDITIONS: "bold yellow",
    Verdict.NOT_READY: "bold red",
    Verdict.UNDECIDED: "bold magenta",
}
_COLUMNS = (
    Column("status"),
    Column("objective", width=26),
    Column("measured", right=True),
    Column("limit", right=True),
    Column("margin", right=True),
    Column("n", right=True),
)
_REASONS = 8
_OPERATORS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "="}
_WORST_FIRST = list(_STYLES)


def as_json(check: Check) -> str:
    """The document of the contract."""
    return json.document(
        {
            "verdict": check.verdict,
            "reasons": check.reasons,
            "objectives": check.objectives,
            "audit": check.audit,
        }
    )


def as_markdown(check: Check) -> str:
    """For a pull request: verdict, reasons, table, audit."""
    lines = [f"**{VERDICT_WORDS[check.verdict]}**", ""]
    lines += [f"- {markdown_text(reason)}" for reason in _reasons(check)]
    lines += ["", for_markdown(_table(check))]
    lines += [f"- {markdown_text(_audit_line(finding))}" for finding in check.audit]
    return "\n".join(lines) + "\n"


def as_junit(check: Check) -> str:
    """JUnit XML: an objective is a test case; what was not judged is an error or skipped."""
    suites = ElementTree.Element("testsuites", name="perfreport check")
    for scenario in dict.fromkeys(finding.scenario or "" for finding in check.objectives):
        of_scenario = [f for f in check.objectives if (f.scenario or "") == scenario]
        suite = ElementTree.SubElement(suites, "testsuite", name=printable(scenario or "all"))
        suite.set("tests", str(len(of_scenario)))
        suite.set("failures", str(sum(f.status == Status.FAIL for f in of_scenario)))
        suite.set("errors", str(sum(_is_error(f) for f in of_scenario)))
        suite.set("skipped", str(sum(_is_skipped(f) for f in of_scenario)))
        for finding in of_scenario:
            _test_case(suite, finding)
    if check.audit:
        audit = ElementTree.SubElement(
            suites, "testsuite", name="audit", tests=str(len(check.audit))
        )
        audit.set("errors", str(sum(f.severity == Severity.INVALID for f in check.audit)))
        for doubt in check.audit:
            _audit_case(audit, doubt)
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + ElementTree.tostring(suites, encoding="unicode")
        + "\n"
    )


def as_text(check: Check) -> str:
    """The terminal's table as plain text, for a file."""
    return captured(lambda console: for_terminal(check, console))


def for_terminal(check: Check, console: Console) -> None:
    """Verdict and reasons first, then every objective, worst first, then the audit."""
    console.print(VERDICT_WORDS[check.verdict], style=_VERDICT_STYLES[check.verdict])
    for reason in _reasons(check):
        console.print(f"  {reason}")
    console.print()
    print_table(_table(check), console)
    if check.audit:
        console.print("\nCan the test be trusted?")
    for doubt in check.audit:
        console.print(f"  {_audit_line(doubt)}", style=_audit_style(doubt))


def _reasons(check: Check) -> list[str]:
    """The worst reasons in full; the table has the rest."""
    shown = [printable(reason) for reason in check.reasons[:_REASONS]]
    hidden = len(check.reasons) - len(shown)
    return [*shown, f"and {hidden} more, see the table"] if hidden else shown


def _audit_line(doubt: AuditFinding) -> str:
    return printable(f"{doubt.severity}: {doubt.run}: {doubt.why}")


def _table(check: Check) -> Table:
    ordered = sorted(check.objectives, key=lambda finding: _WORST_FIRST.index(finding.status))
    return Table(
        _COLUMNS,
        tuple(_row(finding, _place(finding, check)) for finding in ordered),
        tuple(_STYLES[finding.status] for finding in ordered),
    )


def _place(finding: ObjectiveFinding, check: Check) -> str:
    """Run and scenario, as far as the check has several."""
    runs = {each.run for each in check.objectives}
    scenarios = {each.scenario for each in check.objectives if each.run == finding.run}
    parts = [
        finding.run if len(runs) > 1 else None,
        finding.scenario if len(scenarios) > 1 else None,
    ]
    return " ".join(part for part in parts if part)


def _row(finding: ObjectiveFinding, place: str) -> tuple[str, ...]:
    limit = units.short_text(finding.limit, finding.unit)
    name = f"{place}: {requirement_name(finding)}" if place else requirement_name(finding)
    return (
        STATUS_WORDS[finding.status],
        name + ("" if finding.required else " (optional)"),
        units.short_text(finding.observed, finding.unit),
        f"{_OPERATORS.get(finding.operator, finding.operator)} {limit}" if limit else "",
        margin_text(finding),
        "" if finding.samples is None else f"{finding.samples:,}",
    )


def _test_case(suite: ElementTree.Element, finding: ObjectiveFinding) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=printable(finding.scenario or "all"),
        name=printable(finding.id),
    )
    if finding.status == Status.FAIL:
        ElementTree.SubElement(case, "failure", message=printable(finding.why))
    elif _is_error(finding):
        ElementTree.SubElement(case, "error", message=printable(finding.why))
    elif _is_skipped(finding):
        ElementTree.SubElement(case, "skipped", message=printable(finding.why))


def _is_error(finding: ObjectiveFinding) -> bool:
    return finding.required and finding.status in (Status.NO_DATA, Status.TOO_FEW)


def _is_skipped(finding: ObjectiveFinding) -> bool:
    absent = finding.status in (Status.NO_DATA, Status.TOO_FEW) and not finding.required
    return absent or finding.status == Status.MANUAL


def _audit_case(suite: ElementTree.Element, doubt: AuditFinding) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname="audit", name=printable(f"{doubt.run}: {doubt.id}")
    )
    if doubt.severity == Severity.INVALID:
        ElementTree.SubElement(case, "error", message=printable(doubt.why))
    else:
        ElementTree.SubElement(case, "system-out").text = printable(doubt.why)


def _audit_style(doubt: AuditFinding) -> str | None:
    return {Severity.INVALID: "bold red", Severity.WARNING: "yellow"}.get(doubt.severity)
