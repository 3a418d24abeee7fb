"""Who is given a sheet after the others reads all that was said of it, and has a line of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from engine import diffusion, outbox
from engine.errors import Refused
from engine.resending import send_again
from engine.schema import deliveries, to_micros
from engine.schema import outbox as outbox_table
from engine.timers import run_case
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.diffusion import diffused, messages, settle
from tests.support.world import DIRECTOR, MONDAY, ready_to_diffuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.world import World

RENDERER = Renderer(Institute(name="Institut", address="Val-d’Or", email="info@example.org"))
AFTER_DEADLINE = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)


def erratum(world: World, number: str, what: str) -> None:
    form = {"suites__erratum_texte": f"{what} corrigé", "suites__rectification": f"{what} exact"}
    world.do(number, "rectifier", **form)


def answer(world: World, number: str, what: str) -> None:
    form = {"suites__question": f"{what} demandé", "suites__reponse": f"{what} répondu"}
    world.do(number, "repondre_a_tous", **form)


def batch(world: World, name: str, which: int = -1) -> list[dict[str, Any]]:
    """Return one batch of a name: a row for each recipient."""
    sent = messages(world, name)
    wanted = sorted({m["id"] for m in sent})[which]
    return [m for m in sent if m["id"] == wanted]


def newcomers(world: World, name: str, which: int = -1) -> set[str]:
    return {m["recipient"] for m in batch(world, name, which) if m["newcomer"]}


def read_by_newcomers(world: World, name: str, which: int = -1) -> str:
    row = batch(world, name, which)[0]
    return str(RENDERER.render(row["newcomer_template"], ["fr"], row["facts"])["text"])


def read_by_others(world: World, name: str, which: int = -1) -> str:
    row = batch(world, name, which)[0]
    return str(RENDERER.render(row["template"], ["fr"], row["facts"])["text"])


def set_state(world: World, number: str, outbox_id: int, **values: Any) -> None:
    """Have the copies of a batch be in some state, and the case look at it."""
    with world.database.write() as connection:
        wanted = deliveries.c.outbox_id == outbox_id
        only = values.pop("only", None)
        if only is not None:
            wanted &= deliveries.c.recipient == only
        connection.execute(update(deliveries).where(wanted).values(next_attempt_at=None, **values))
    run_case(world.engine, world.id(number))


def stop(world: World, number: str, name: str, which: int = -1) -> int:
    outbox_id = int(batch(world, name, which)[0]["id"])
    with world.database.write() as connection:
        diffusion.call_off(connection, outbox_id, now=world.clock.now(), decision={"by": "a"})
    run_case(world.engine, world.id(number))
    return outbox_id


def again(world: World, outbox_id: int, only: str | None = None) -> int:
    with world.database.write() as connection:
        copies = outbox.list_deliveries(connection, outbox_id=outbox_id)
        ids = [c.id for c in copies if only in {None, c.recipient}]
        return send_again(world.engine, connection, ids, decision={"by": "a"})


def state(world: World, number: str) -> str:
    return str(world.case(number).row.state)


def why_not(world: World, number: str, action: str, **data: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        world.do(number, action, **data)
    return [dict(r.message or {}).get("fr", r.code) for r in caught.value.reasons]


def positions(text: str, *words: str) -> list[int]:
    return [text.index(word) for word in words]


# --- what a newcomer reads ----------------------------------------------------------------------


def test_a_newcomer_reads_the_sheet_with_all_errata_and_answers_so_far_in_order(
    requests: World,
) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    settle(requests, number, name="erratum")
    answer(requests, number, "deux")
    requests.network_more(1)
    answer(requests, number, "trois")
    text = read_by_newcomers(requests, "reponse_reseau")
    told = positions(text, "Une occasion", "un corrigé", "un exact", "deux demandé", "deux répondu",
                     "trois demandé", "trois répondu")  # fmt: skip
    assert told == sorted(told)
    others = read_by_others(requests, "reponse_reseau")
    assert "trois répondu" in others
    assert not any(word in others for word in ("un exact", "deux répondu", "Une occasion"))


def test_what_was_stopped_before_anybody_had_it_is_not_told_to_newcomers(requests: World) -> None:
    number = diffused(requests)
    erratum(requests, number, "faux")
    stop(requests, number, "erratum")
    answer(requests, number, "vrai")
    requests.network_more(1)
    erratum(requests, number, "juste")
    text = read_by_newcomers(requests, "erratum")
    assert "faux" not in text
    assert positions(text, "vrai répondu", "juste exact") == sorted(
        positions(text, "vrai répondu", "juste exact")
    )


def test_who_only_may_have_the_sheet_is_given_it_again_once(requests: World) -> None:
    number = diffused(requests)
    requests.network_more(1)
    erratum(requests, number, "un")
    (new,) = newcomers(requests, "erratum")
    settle(requests, number, name="erratum")
    first = int(batch(requests, "erratum")[0]["id"])
    set_state(requests, number, first, only=new, state="uncertain")
    answer(requests, number, "deux")
    assert newcomers(requests, "reponse_reseau") == {new}
    second = int(batch(requests, "reponse_reseau")[0]["id"])
    set_state(requests, number, second, only=new, state="uncertain")
    answer(requests, number, "trois")
    assert newcomers(requests, "reponse_reseau") == set()
    assert new in {m["recipient"] for m in batch(requests, "reponse_reseau")}


def test_a_newcomer_whose_erratum_waits_to_leave_is_not_given_the_sheet_twice(
    requests: World,
) -> None:
    number = diffused(requests)
    requests.network_more(1)
    erratum(requests, number, "un")
    answer(requests, number, "deux")
    assert newcomers(requests, "reponse_reseau") == set()
    assert len(batch(requests, "reponse_reseau")) == 4
    requests.network(1, first=70)
    answer(requests, number, "trois")
    assert "un exact" in read_by_newcomers(requests, "reponse_reseau")


def test_an_erratum_that_was_stopped_reaches_those_who_joined_when_it_is_sent_again(
    requests: World,
) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    stopped = stop(requests, number, "erratum")
    requests.network_more(1)
    answer(requests, number, "deux")
    settle(requests, number, name="reponse_reseau")
    requests.network(1, first=70)
    assert again(requests, stopped) == 5
    sent = batch(requests, "erratum")
    assert len({m["recipient"] for m in sent}) == 5
    assert len(newcomers(requests, "erratum")) == 1
    text = read_by_newcomers(requests, "erratum")
    assert positions(text, "un exact", "deux répondu") == sorted(
        positions(text, "un exact", "deux répondu")
    )
    # The others are told this one only, with its own date: a later message prevails.
    assert "un exact" in read_by_others(requests, "erratum")
    assert "deux" not in read_by_others(requests, "erratum")
    with requests.database.read() as connection:
        states = {c.state for c in outbox.list_deliveries(connection, outbox_id=stopped)}
    assert states == {"queued"}


def test_a_batch_that_somebody_has_is_sent_again_word_for_word_to_who_lacks_it(
    requests: World,
) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    settle(requests, number, left=1, name="erratum")
    before = batch(requests, "erratum")
    requests.network_more(1)
    assert again(requests, int(before[0]["id"])) == 1
    assert {m["recipient"] for m in batch(requests, "erratum")} == {m["recipient"] for m in before}
    assert batch(requests, "erratum")[0]["facts"] == before[0]["facts"]


def test_a_sheet_given_after_the_deadline_asks_for_no_answer(requests: World) -> None:
    number = diffused(requests)
    requests.network_more(1)
    requests.clock.set(AFTER_DEADLINE)
    requests.tick()
    erratum(requests, number, "un")
    text = read_by_newcomers(requests, "erratum")
    assert "La période de réponse est terminée" in text
    assert "au plus tard le" not in text
    assert "Date limite pour répondre" not in text
    assert "a pris fin pour tous" in read_by_others(requests, "erratum")


def test_every_erratum_has_its_date_and_says_that_the_latest_prevails(requests: World) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    text = read_by_others(requests, "erratum")
    assert "16\u00a0novembre 2026 à 10\u00a0h" in text
    assert "le plus récent l’emporte" in text


# --- what somebody lacks is a task --------------------------------------------------------------


@pytest.mark.parametrize("lost", ["refused", "refused_rcpt", "bounced", "uncertain"])
def test_an_earlier_erratum_that_somebody_lacks_is_a_task_whatever_came_after_it(
    requests: World, lost: str
) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    settle(requests, number, name="erratum")
    erratum(requests, number, "deux")
    settle(requests, number, name="erratum")
    first = batch(requests, "erratum", 0)[0]
    set_state(requests, number, int(first["id"]), only=first["recipient"], state=lost)
    assert state(requests, number) == "suite_a_regler"
    requests.do(number, "accepter_suite", DIRECTOR, exception_motif="Adresse introuvable")
    assert state(requests, number) == "diffusee"


def test_a_follow_up_is_not_concluded_while_an_erratum_is_to_leave(requests: World) -> None:
    number = diffused(requests)
    requests.clock.set(AFTER_DEADLINE)
    requests.tick()
    erratum(requests, number, "un")
    assert why_not(requests, number, "conclure_suivi", note="Fini") == [
        "Un erratum ou une réponse n'est pas encore parti pour tous"
    ]
    settle(requests, number, name="erratum")
    requests.do(number, "conclure_suivi", note="Fini")
    assert state(requests, number) == "terminee"


def test_what_is_accepted_as_missing_stands_in_the_account_of_its_own_batch_only(
    requests: World,
) -> None:
    number = diffused(requests)
    for what in ("un", "deux"):
        erratum(requests, number, what)
        settle(requests, number, left=int(what == "un"), name="erratum")
    requests.do(number, "accepter_suite", DIRECTOR, exception_motif="Adresse introuvable")
    with requests.database.read() as connection:
        case = requests.id(number)
        decided = [diffusion.account(connection, case, "erratum", n).decisions for n in (1, 2)]
    assert [[d.action for d in one] for one in decided] == [["accept"], []]


@pytest.mark.parametrize("name", ["diffusion", "erratum"])
def test_what_comes_back_after_the_follow_up_was_concluded_reopens_the_case(
    requests: World, name: str
) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    settle(requests, number, name="erratum")
    requests.clock.set(AFTER_DEADLINE)
    requests.tick()
    requests.do(number, "conclure_suivi", note="Fini")
    assert state(requests, number) == "terminee"
    row = batch(requests, name)[0]
    set_state(requests, number, int(row["id"]), only=row["recipient"], state="bounced")
    case = requests.case(number).row
    assert (case.state, case.ended_at, case.desk) == ("suivi_avec_retour", None, "conseillere")


def test_an_erratum_of_an_earlier_diffusion_is_no_task_of_the_next(requests: World) -> None:
    number = diffused(requests)
    erratum(requests, number, "un")
    settle(requests, number, left=1, name="erratum")
    requests.do(number, "retirer", motif_fermeture="Retrait")
    requests.do(number, "rouvrir", motif_reouverture="Finalement")
    requests.do(number, "orienter", orientation="aucune", orientation_motif="Tout y est")
    requests.do(number, "conclure_precision")
    requests.do(number, "categoriser", categorie="court_terme", categorie_motif="Un an")
    requests.do(number, "diffuser")
    settle(requests, number)
    assert state(requests, number) == "diffusee"
    requests.network_more(1)
    answer(requests, number, "deux")
    assert "un exact" not in read_by_newcomers(requests, "reponse_reseau")


# --- a line of one's own ------------------------------------------------------------------------


def letters(world: World) -> list[Mapping[str, Any]]:
    with world.database.read() as connection:
        wanted = (
            select(deliveries, outbox_table.c.seq)
            .join(outbox_table, outbox_table.c.id == deliveries.c.outbox_id)
            .where(outbox_table.c.name == "attestation")
            .order_by(deliveries.c.id)
        )
        return list(connection.execute(wanted).mappings())


def test_a_newcomer_is_told_its_line_once_the_erratum_is_settled_and_nobody_else_is(
    requests: World,
) -> None:
    number = diffused(requests)
    before = letters(requests)
    assert len(before) == 3
    requests.network_more(1)
    erratum(requests, number, "un")
    assert len(letters(requests)) == 3
    settle(requests, number, name="erratum")
    (new,) = letters(requests)[3:]
    assert new["recipient"] in newcomers(requests, "erratum")
    with requests.database.read() as connection:
        told_of = diffusion.batch_of(connection, new["copy_id"])
    assert told_of == batch(requests, "erratum")[0]["id"]
    answer(requests, number, "deux")
    settle(requests, number, name="reponse_reseau")
    assert len(letters(requests)) == 4


def test_when_an_exception_falls_only_who_was_missing_is_told_its_line(requests: World) -> None:
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    settle(requests, number, left=1)
    requests.do(number, "accepter_incomplet", DIRECTOR, exception_motif="Boîte pleine")
    told = {row["recipient"] for row in letters(requests)}
    assert len(told) == 2
    settle(requests, number)
    assert state(requests, number) == "diffusee"
    assert len(letters(requests)) == 3
    assert letters(requests)[2]["recipient"] not in told


# --- interest -----------------------------------------------------------------------------------


def test_an_answer_from_before_the_sheet_left_for_that_very_establishment_is_refused(
    requests: World,
) -> None:
    number = diffused(requests)
    sheet = int(batch(requests, "diffusion")[0]["id"])
    set_state(requests, number, sheet, released_at=to_micros(MONDAY))
    requests.network_more(1)
    requests.clock.set(MONDAY + timedelta(days=2))
    erratum(requests, number, "un")
    settle(requests, number, name="erratum")
    given = int(batch(requests, "erratum")[0]["id"])
    set_state(requests, number, given, released_at=to_micros(requests.clock.now()))
    requests.clock.set(MONDAY + timedelta(days=3))
    form = {"interets__nature": "interesse", "interets__recu_le": "2026-11-17T09:00"}
    assert why_not(requests, number, "consigner_interet",
                   interets__etablissement="Établissement 50", **form) == [
        "Cette réponse daterait d'avant le départ de la fiche pour cet établissement"
    ]  # fmt: skip
    requests.do(number, "consigner_interet", interets__etablissement="Établissement 01", **form)


# --- withdrawal ---------------------------------------------------------------------------------


def test_a_withdrawal_takes_back_what_has_not_left_and_tells_whoever_may_have_it(
    requests: World,
) -> None:
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    rows = batch(requests, "diffusion")
    sheet = int(rows[0]["id"])
    for row, became in zip(rows, ("accepted", "uncertain", "deferred"), strict=True):
        with requests.database.write() as connection:
            mine = (deliveries.c.outbox_id == sheet) & (deliveries.c.recipient == row["recipient"])
            waits = to_micros(MONDAY) if became == "deferred" else None
            connection.execute(
                update(deliveries).where(mine).values(state=became, next_attempt_at=waits)
            )
    requests.do(number, "retirer", motif_fermeture="Le projet est annulé")
    assert state(requests, number) == "retiree"
    with requests.database.read() as connection:
        now = {c.recipient: c.state for c in outbox.list_deliveries(connection, outbox_id=sheet)}
        assert outbox.list_deliveries(connection, failed=True) == []
    assert [now[r["recipient"]] for r in rows] == ["accepted", "uncertain", "cancelled"]
    told = {m["recipient"] for m in batch(requests, "avis_retrait")}
    assert told == {r["recipient"] for r in rows[:2]}


@pytest.mark.parametrize("when", [None, "2026-11-18T10:00"])
def test_a_withdrawal_before_anything_left_tells_nobody(requests: World, when: str | None) -> None:
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser", **({} if when is None else {"diffuser_le": when}))
    requests.do(number, "retirer", motif_fermeture="Le projet est annulé")
    assert {m["name"] for m in messages(requests, "avis_retrait")} == set()
    with requests.database.read() as connection:
        assert {c.state for c in outbox.list_deliveries(connection)
                if c.message == "diffusion"} == {"cancelled"}  # fmt: skip


def test_a_withdrawal_waits_for_what_is_leaving_at_that_instant(requests: World) -> None:
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    with requests.database.write() as connection:
        sheet = int(batch(requests, "diffusion")[0]["id"])
        connection.execute(
            update(deliveries).where(deliveries.c.outbox_id == sheet).values(state="releasing")
        )
    assert why_not(requests, number, "retirer", motif_fermeture="x") == ["leaving_now"]
    assert state(requests, number) == "diffusion_en_cours"
