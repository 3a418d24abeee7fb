"""After a diffusion: who is told the rest, who is reminded, and what is set for an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from engine import abandoned, diffusion, embargo, lease, outbox, roster
from engine.errors import Refused
from engine.lease import Move
from engine.outbox import LEAD
from engine.schema import deliveries, from_micros, to_micros
from engine.schema import outbox as outbox_table
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.diffusion import diffused, messages, settle
from tests.support.world import ADVISER, DIRECTOR, MONDAY, ready_to_diffuse

if TYPE_CHECKING:
    from tests.support.world import World

ERRATUM = {"suites__erratum_texte": "40 stagiaires", "suites__rectification": "60 stagiaires"}
ANSWER = {"suites__question": "Quand?", "suites__reponse": "En mai"}
#: Three business days before the deadline of 30 November, at 10:00 in Québec.
REMINDED = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
#: A Wednesday, at 10:00 in Québec.
EMBARGO = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def keys(world: World, name: str) -> set[str]:
    """Return to whom a message goes that has had what it is about."""
    return {m["recipient"] for m in messages(world, name) if not m["newcomer"]}


def newcomers(world: World, name: str) -> set[str]:
    return {m["recipient"] for m in messages(world, name) if m["newcomer"]}


def answer(world: World, number: str, which: int, nature: str = "interesse", **data: Any) -> None:
    world.do(number, "consigner_interet", interets__etablissement=f"Établissement {which:02d}",
             interets__nature=nature, **data)  # fmt: skip


def reasons(world: World, number: str, action: str, **data: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        world.do(number, action, **data)
    return [dict(r.message or {}).get("fr", r.code) for r in caught.value.reasons]


def leave(world: World, name: str) -> None:
    with world.database.write() as connection:
        (member,) = [
            m for m in roster.active(connection, "reseau", MONDAY.date()) if m.name == name
        ]
        roster.leave(connection, member, MONDAY.date(), actor="system", at=MONDAY, reason="Fusion")


# --- what is said afterwards --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "name", "form"),
    [("rectifier", "erratum", ERRATUM), ("repondre_a_tous", "reponse_reseau", ANSWER)],
)
def test_what_is_said_later_goes_in_one_batch_to_those_who_had_the_sheet_and_to_those_who_joined(
    requests: World, action: str, name: str, form: dict[str, str]
) -> None:
    number = diffused(requests)
    original = keys(requests, "diffusion")
    requests.network_more(2)
    requests.do(number, action, **form)
    assert keys(requests, name) == original
    assert len(newcomers(requests, name)) == 2
    assert not newcomers(requests, name) & original
    sent = messages(requests, name)
    assert len({m["id"] for m in sent}) == 1
    institute = Institute(name="Institut", address="Val-d’Or", email="info@example.org")
    text = Renderer(institute).render(sent[0]["newcomer_template"], ["fr", "en"], sent[0]["facts"])[
        "text"
    ]
    assert "Vous ne l’aviez pas reçue" in text
    assert "You had not received it" in text
    assert text.count("Une occasion") >= 2
    assert all(value in text for value in form.values())


def test_what_would_be_said_is_foreseen_with_its_newcomers_and_what_they_would_read(
    requests: World,
) -> None:
    number = diffused(requests)
    requests.network_more(2)
    message, rows = requests.engine.foresee(requests.id(number), "erratum", ADVISER)
    leased = lease.foreseen(message, rows)
    written = {d.newcomer: leased.template_for(d) for d in leased.deliveries}
    assert written == {False: "demande/erratum", True: "demande/erratum_new"}
    assert sorted(d.newcomer for d in leased.deliveries) == [False] * 3 + [True] * 2
    # One Message-ID for each content.
    assert len({(d.newcomer, d.message_id) for d in leased.deliveries}) == 2
    assert keys(requests, "erratum") == set()


def test_who_was_given_the_sheet_later_is_no_newcomer_the_next_time(requests: World) -> None:
    number = diffused(requests)
    requests.network_more(1)
    requests.do(number, "rectifier", **ERRATUM)
    settle(requests, number, name="erratum")
    requests.network(1, first=70)
    requests.do(number, "repondre_a_tous", **ANSWER)
    assert len(keys(requests, "reponse_reseau")) == 4
    assert len(newcomers(requests, "reponse_reseau")) == 1


def test_whose_sheet_came_back_is_given_it_again_whatever_it_was_told_since(
    requests: World,
) -> None:
    number = diffused(requests)
    requests.do(number, "rectifier", **ERRATUM)
    settle(requests, number, name="erratum")
    with requests.database.write() as connection:
        first = messages(requests, "diffusion")[0]["recipient"]
        connection.execute(
            update(deliveries)
            .where(deliveries.c.recipient == first, deliveries.c.outbox_id.in_(
                select(outbox_table.c.id).where(outbox_table.c.name == "diffusion")))
            .values(state="bounced")
        )  # fmt: skip
    requests.do(number, "repondre_a_tous", **ANSWER)
    assert newcomers(requests, "reponse_reseau") == {first}


def test_a_member_that_left_still_has_the_erratum_of_what_it_had(requests: World) -> None:
    number = diffused(requests)
    original = keys(requests, "diffusion")
    leave(requests, "Établissement 01")
    requests.do(number, "rectifier", **ERRATUM)
    assert keys(requests, "erratum") == original
    assert newcomers(requests, "erratum") == set()


def test_a_copy_that_was_refused_is_no_copy_that_was_had(requests: World) -> None:
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    settle(requests, number, left=1)
    requests.do(number, "accepter_incomplet", DIRECTOR, exception_motif="Boîte pleine")
    requests.do(number, "rectifier", **ERRATUM)
    assert len(keys(requests, "erratum")) == 2
    assert len(newcomers(requests, "erratum")) == 1
    assert not keys(requests, "erratum") & newcomers(requests, "erratum")


def test_the_withdrawal_goes_to_those_who_had_the_sheet_and_to_nobody_else(
    requests: World,
) -> None:
    number = diffused(requests)
    original = keys(requests, "diffusion")
    requests.network_more(2)
    requests.do(number, "retirer", motif_fermeture="Le projet est reporté")
    assert keys(requests, "avis_retrait") == original


def test_an_erratum_goes_where_the_member_reads_today(requests: World) -> None:
    number = diffused(requests)
    with requests.database.write() as connection:
        member = roster.active(connection, "reseau", MONDAY.date())[0]
        roster.set_contacts(connection, member, (roster.Contact(email="neuf@example.org"),),
                            day=MONDAY.date(), actor="system", at=MONDAY)  # fmt: skip
    requests.do(number, "rectifier", **ERRATUM)
    with requests.database.read() as connection:
        sent = [d for d in outbox.list_deliveries(connection) if d.message == "erratum"]
    assert ("neuf@example.org",) in {d.addresses for d in sent}


def test_a_request_that_is_diffused_again_begins_anew(requests: World) -> None:
    number = diffused(requests)
    answer(requests, number, 0)
    requests.clock.set(MONDAY + timedelta(minutes=5))
    requests.do(number, "retirer", motif_fermeture="Retrait")
    requests.do(number, "rouvrir", motif_reouverture="Finalement")
    requests.do(number, "orienter", orientation="aucune", orientation_motif="Tout y est")
    requests.do(number, "conclure_precision")
    requests.do(number, "categoriser", categorie="court_terme", categorie_motif="Un an")
    requests.do(number, "diffuser")
    assert requests.case(number).row.state == "diffusion_en_cours"
    settle(requests, number)
    requests.clock.set(REMINDED)
    requests.tick()
    assert len(messages(requests, "rappel_interets")) == 3


# --- interest -----------------------------------------------------------------------------------


def test_only_those_who_have_not_answered_are_reminded_all_in_one_batch(requests: World) -> None:
    number = diffused(requests)
    answer(requests, number, 0)
    answer(requests, number, 1, "pas intéressé")
    requests.clock.set(REMINDED - timedelta(minutes=1))
    requests.tick()
    assert messages(requests, "rappel_interets") == []
    requests.clock.set(REMINDED)
    requests.tick()
    (one,) = messages(requests, "rappel_interets")
    assert one["batch"] == 1
    with requests.database.read() as connection:
        names = roster.names(connection)
    assert names[int(one["recipient"].removeprefix("member:"))] == "Établissement 02"


def test_when_everybody_has_answered_nobody_is_reminded(requests: World) -> None:
    number = diffused(requests)
    for which in range(3):
        answer(requests, number, which, "à préciser")
    requests.clock.set(REMINDED)
    requests.tick()
    assert messages(requests, "rappel_interets") == []
    assert any(e["body"].get("timer") == "rappel_interets" for e in requests.events(number))


@settings(max_examples=8, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(answered=st.sets(st.integers(0, 2)))
def test_the_reminded_and_those_who_answered_are_together_those_who_had_the_sheet(
    requests: World, answered: set[int]
) -> None:
    requests.clock.set(MONDAY)
    number = diffused(requests)
    had = {m["recipient"] for m in messages(requests, "diffusion") if m["case_id"] == requests.id(number)}  # fmt: skip
    for which in answered:
        answer(requests, number, which)
    requests.clock.set(REMINDED)
    requests.tick()
    reminded = [m["recipient"] for m in messages(requests, "rappel_interets")
                if m["case_id"] == requests.id(number)]  # fmt: skip
    told = {f"member:{r['etablissement']}" for r in requests.case(number).data.get("interets", [])}
    assert len(reminded) == len(set(reminded))
    assert set(reminded) | told == had
    assert not set(reminded) & told


def test_an_answer_that_came_in_time_is_not_late_whenever_it_is_recorded(requests: World) -> None:
    number = diffused(requests)
    requests.clock.set(datetime(2026, 12, 1, 15, 0, tzinfo=UTC))
    requests.tick()
    form = {"interets__etablissement": "Établissement 01", "interets__nature": "interesse"}
    late = reasons(requests, number, "consigner_interet_tardif", **form,
                   interets__recu_le="2026-12-01T08:00")  # fmt: skip
    assert late == ["field_missing"]
    requests.do(number, "consigner_interet_tardif", **form, interets__recu_le="2026-11-30T23:50")
    assert "motif_retard" not in requests.case(number).data["interets"][0]


def test_an_answer_that_came_too_late_is_not_recorded_as_the_others(requests: World) -> None:
    number = diffused(requests)
    # After the deadline, before the clock has noticed.
    requests.clock.set(datetime(2026, 12, 1, 15, 0, tzinfo=UTC))
    form = {"interets__etablissement": "Établissement 01", "interets__nature": "interesse"}
    assert "La réponse est venue après la date limite" in reasons(
        requests, number, "consigner_interet", **form
    )
    requests.do(number, "consigner_interet_tardif", **form, interets__motif_retard="Congé")


def test_an_answer_is_not_received_in_the_future_nor_late_before_the_deadline(
    requests: World,
) -> None:
    number = diffused(requests)
    form = {"interets__etablissement": "Établissement 01", "interets__nature": "interesse"}
    assert "Cette réponse serait reçue dans l'avenir" in reasons(
        requests, number, "consigner_interet", **form, interets__recu_le="2026-11-20T10:00"
    )
    assert "La date limite n'est pas passée" in reasons(
        requests, number, "consigner_interet_tardif", **form, interets__motif_retard="Congé"
    )


# --- embargo ------------------------------------------------------------------------------------


def planned(world: World, at: str = "2026-11-18T10:00", **data: Any) -> str:
    number = ready_to_diffuse(world, **data)
    world.do(number, "diffuser", diffuser_le=at)
    return number


def states(world: World, name: str = "diffusion") -> set[str]:
    with world.database.read() as connection:
        return {d.state for d in outbox.list_deliveries(connection) if d.message == name}


def test_a_diffusion_set_for_an_instant_waits_for_it_and_counts_from_it(requests: World) -> None:
    number = planned(requests)
    case = requests.case(number)
    assert case.row.state == "diffusion_prevue"
    assert case.data["date_limite"] == "2026-12-02"
    with requests.database.read() as connection:
        (row,) = connection.execute(select(outbox_table).where(outbox_table.c.name == "diffusion"))
        due = connection.execute(
            select(deliveries.c.next_attempt_at).where(deliveries.c.outbox_id == row.id)
        ).scalars()
        assert set(due) == {to_micros(EMBARGO - LEAD)}
        (told,) = embargo.planned(connection, case.row.id, requests.clock.now())
    assert from_micros(row.not_before) == EMBARGO
    assert (told.message, told.at, told.recipients) == ("diffusion", EMBARGO, 3)
    assert told.decided_at == MONDAY


def test_nothing_is_taken_up_before_its_lead(requests: World) -> None:
    planned(requests)
    before = EMBARGO - LEAD - timedelta(seconds=1)
    assert lease.claim(requests.database, before, abandoned.holder()) == []
    (leased,) = lease.claim(requests.database, EMBARGO - LEAD, abandoned.holder())
    assert leased is not None
    assert len(leased.deliveries) == 3


def test_who_joins_before_the_instant_is_not_in_the_batch_that_was_decided(
    requests: World,
) -> None:
    number = planned(requests)
    requests.network_more(1)
    requests.clock.set(EMBARGO)
    requests.tick()
    assert requests.case(number).row.state == "diffusion_en_cours"
    settle(requests, number)
    assert requests.case(number).row.state == "diffusee"
    requests.do(number, "repondre_a_tous", **ANSWER)
    assert len(newcomers(requests, "reponse_reseau")) == 1


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2026-11-18T07:00", "L'instant prévu n'est pas un jour ouvrable pendant les heures d'ouverture"),
        ("2026-11-21T10:00", "L'instant prévu n'est pas un jour ouvrable pendant les heures d'ouverture"),
        ("2026-11-16T09:00", "L'instant prévu est passé, ou dans plus de 30 jours"),
        ("2026-12-17T10:00", "L'instant prévu est passé, ou dans plus de 30 jours"),
    ],
)  # fmt: skip
def test_an_instant_that_cannot_be_is_refused_with_the_reason(
    requests: World, at: str, why: str
) -> None:
    number = ready_to_diffuse(requests)
    assert reasons(requests, number, "diffuser", diffuser_le=at) == [why]


def test_a_diffusion_may_be_set_in_the_evening_for_the_morning(requests: World) -> None:
    number = ready_to_diffuse(requests)
    requests.clock.set(datetime(2026, 11, 16, 23, 0, tzinfo=UTC))
    assert len(reasons(requests, number, "diffuser")) == 1
    requests.do(number, "diffuser", diffuser_le="2026-11-17T09:00")
    assert requests.case(number).row.state == "diffusion_prevue"


def test_a_planned_diffusion_that_is_suspended_never_leaves_and_may_be_planned_again(
    requests: World,
) -> None:
    number = planned(requests)
    assert reasons(requests, number, "annuler_embargo") == ["note_missing"]
    requests.do(number, "annuler_embargo", note="Le demandeur précise")
    case = requests.case(number)
    assert case.row.state == "prete"
    assert not {"diffuser_le", "date_limite"} & set(case.data)
    assert states(requests) == {"cancelled"}
    assert lease.claim(requests.database, EMBARGO, abandoned.holder()) == []
    with requests.database.read() as connection:
        kept = outbox.list_deliveries(connection)[0].resolution
        assert outbox.list_deliveries(connection, failed=True) == []
        assert embargo.planned(connection, case.row.id, requests.clock.now()) == []
    assert kept is not None
    assert kept["reason"] == "Le demandeur précise"
    requests.do(number, "diffuser")
    settle(requests, number)
    assert requests.case(number).row.state == "diffusee"


def test_a_worker_that_had_staged_a_suspended_diffusion_cannot_release_it(
    requests: World,
) -> None:
    number = planned(requests)
    now = EMBARGO - timedelta(seconds=30)
    requests.clock.set(now)
    (leased,) = lease.claim(requests.database, now, abandoned.holder())
    requests.do(number, "annuler_embargo", note="À revoir")
    moves = [Move(leased=leased, delivery=d, state="releasing") for d in leased.deliveries]
    with pytest.raises(lease.LeaseLost), requests.database.write() as connection:
        lease.move(connection, moves, EMBARGO)
    assert states(requests) == {"cancelled"}


def test_what_is_sent_again_before_its_instant_still_waits_for_it(requests: World) -> None:
    planned(requests)
    with requests.database.write() as connection:
        copies = outbox.list_deliveries(connection)
        diffusion.call_off(connection, copies[0].outbox_id, now=MONDAY, decision={})
        ids = [c.id for c in copies]
        assert outbox.retry(connection, ids, now=MONDAY, decision={}) == len(ids)
        again = {c.next_attempt_at for c in outbox.list_deliveries(connection)}
    assert again == {EMBARGO - LEAD}


def test_what_has_begun_to_leave_is_not_taken_back(requests: World) -> None:
    number = planned(requests)
    with requests.database.write() as connection:
        connection.execute(update(deliveries).values(state="releasing"))
    assert reasons(requests, number, "annuler_embargo", note="Trop tard") == ["already_leaving"]
    assert requests.case(number).row.state == "diffusion_prevue"
    requests.clock.set(EMBARGO)
    assert reasons(requests, number, "annuler_embargo", note="Trop tard") == [
        "L'instant prévu est passé"
    ]


def test_a_request_found_confidential_during_the_embargo_does_not_leave(requests: World) -> None:
    number = planned(requests)
    requests.do(number, "corriger", confidentielle="oui", note="Courriel du demandeur")
    assert requests.case(number).row.state == "decision"
    assert states(requests) == {"cancelled"}
