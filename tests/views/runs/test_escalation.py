"""The call for help names people first and shows the end of the log."""

from bot.ports import Escalation
from bot.views.runs import escalation
from tests.views.samples import RUN, read


def test_an_escalation_names_people_first_and_shows_the_end_of_the_log() -> None:
    what = Escalation(
        "chain-failed: deadlock",
        {"postgres-0": "\n".join(f"line {n}" for n in range(2000))},
        "prod_emergency_20260211_030400 verified",
        ["archiver: last 0/9"],
        ["U0DBA", "DBA on call, +84 1"],
    )

    shown = read(escalation.render(RUN, what))

    assert shown.index("Whom to call") < shown.index("Database log")
    assert "• <@U0DBA>\n• DBA on call, +84 1" in shown
    assert "line 1999\n```" in shown
    assert "line 0\n" not in shown


def test_an_escalation_without_logs_says_so() -> None:
    shown = read(escalation.render(RUN, Escalation("p", {}, "", (), ())))

    assert "*Database logs* – none could be read here: look at the server's log where it runs." in shown
    assert "*Whom to call*\nnobody is named" in shown
