"""The page of a certificate: said in plain words, followed by who cannot see it, complete in one file."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.diffusion import Decided
from engine.schema import DELIVERY_STATES
from notifications.certificate import page
from notifications.certificate.explanation import Explanation
from notifications.certificate.timeline import (
    AFTER,
    BEFORE,
    MOST,
    _Scale,
    acceptances,
    drawing,
    passages,
)
from notifications.certificate.words import STATES, Speech
from tests.support.diffusions import DOT, account, each, refused, run, sealed, transmission

SVG = "{http://www.w3.org/2000/svg}"
GROUPS = replace(
    account(30),
    copies=tuple(replace(c, transmission=1 + n // 10) for n, c in enumerate(account(30).copies)),
    runs=(run([transmission(n, recipients=10) for n in (1, 2, 3)], shape="groups", window=5100),),
)
WAVES = replace(
    GROUPS,
    runs=(run([transmission(n, wave=n) for n in (1, 2, 3)], shape="waves", window=65_000_000),),
)
ABORTED = replace(
    account(3),
    copies=tuple(replace(c, state="aborted", transmission=None, reply=None) for c in account(3).copies),
    runs=(run([], decision="aborted", first_dot_at=None, last_reply_at=None, window=None,
              reason={"refused": {"member:100": "550 no"}}),),
)  # fmt: skip
WAITING = replace(
    account(3), not_before=DOT + timedelta(days=1), runs=(), contents={},
    copies=tuple(replace(c, state="queued", transmission=None, staged_at=None, released_at=None,
                         settled_at=None, reply=None, attempts=0) for c in account(3).copies),
)  # fmt: skip
UNCERTAIN = replace(
    account(3), copies=tuple(replace(c, state="uncertain", reply=None) for c in account(3).copies)
)
CONFIRMED = replace(
    account(3),
    copies=tuple(replace(c, state="confirmed" if n == 1 else c.state, reply=None)
                 for n, c in enumerate(account(3).copies)),
)  # fmt: skip
AFTER_DOT = replace(
    account(3), copies=tuple(replace(c, state="refused", reply="554 no") for c in account(3).copies)
)
WITHOUT = account(28, audience={"active": 29, "without_address": ["Oublié"], "sha256": "cd" * 32})
REMEDIED = replace(
    account(2), rule="proceed_and_remedy",
    copies=(account(2).copies[0], replace(account(2).copies[1], transmission=2)),
    runs=(run([transmission(1)], reason={"refused": {"member:101": "550 no"}}),
          run([transmission(2)], number=2, rule="proceed_and_remedy", first_dot_at=DOT + timedelta(hours=2),
              last_reply_at=DOT + timedelta(hours=2), reason={"refused": {"member:100": "550"}, "by": "x"})),
)  # fmt: skip
ACCEPTED = replace(
    refused(account(3), 2, "550 no"),
    decisions=(Decided(action="accept", by="directrice", at=DOT, reason="École fermée", rule=None,
                       deliveries=None),),
)  # fmt: skip
NEWCOMERS = replace(
    account(5), newcomers=True, contents={"fr": "ef" * 32, "fr/new": "fe" * 32},
    copies=tuple(replace(c, newcomer=n > 2, transmission=1 + (n > 2)) for n, c in enumerate(account(5).copies)),
    runs=(run([transmission(1, recipients=3), transmission(2, recipients=2)], shape="groups", window=4200),),
)  # fmt: skip


def all_of_three(**changes):
    return replace(account(3), copies=tuple(replace(c, **changes) for c in account(3).copies))


STOPPED = {
    "state": "uncertain",
    "reply": "the sender stopped after the end of the message was to be sent",
}
ENDINGS = {
    "later": all_of_three(state="deferred", reply="451 4.3.0 later"),
    "at_the_end": all_of_three(state="refused", reply="554 5.6.0 no"),
    "stopped": all_of_three(**STOPPED),
    "leaving": all_of_three(state="releasing", reply=None),
    "some_stopped": replace(
        account(3),
        copies=(account(3).copies[0], *(replace(c, **STOPPED) for c in account(3).copies[1:])),
    ),
}  # fmt: skip
EVERY = {
    "newcomers": NEWCOMERS,
    "accepted": ACCEPTED,
    "confirmed": CONFIRMED, "after_dot": AFTER_DOT, "without": WITHOUT, "remedied": REMEDIED,
    "none": account(0), "single": account(1), "one": account(29), "each": each(60), "groups": GROUPS,
    "waves": WAVES, "refused": refused(account(29), 4, "550 no"), "aborted": ABORTED,
    "waiting": WAITING, "uncertain": UNCERTAIN, "many": each(1000),
}  # fmt: skip


def parsed(text):
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(text)


def headline(name, lang="fr"):
    made = sealed({**EVERY, **ENDINGS}[name])
    return Explanation(made, Speech(lang)).headline().replace("\u00a0", " ")


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("name", EVERY)
def test_the_page_is_valid_complete_and_can_be_followed_without_seeing_it(name, lang):
    text = page.render(sealed(EVERY[name]), lang)
    tree = parsed(text)
    assert tree.get("lang") == f"{lang}-CA"
    assert tree.find("head/title").text
    assert len(tree.findall(".//main")) == len(tree.findall(".//h1")) == 1
    assert tree.find("body/header") is not None
    levels = [int(e.tag[1]) for e in tree.iter() if re.fullmatch(r"h\d", str(e.tag))]
    assert set(levels) == {1, 2}
    for table in tree.iter("table"):
        assert table.find("caption").text
        assert all(cell.get("scope") == "col" for cell in table.find("thead").iter("th"))
        for row in table.find("tbody"):
            assert row[0].get("scope") == "row"
    for region in tree.findall(".//*[@tabindex]"):
        assert region.get("aria-label")
    drawn = list(tree.iter(f"{SVG}svg"))
    assert len(drawn) == (name not in {"none", "aborted", "waiting"})
    for picture in drawn:
        assert picture.get("role") == "img"
        named = [picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")]
        assert picture.get("aria-labelledby").split() == [e.get("id") for e in named]
        assert all(e.text for e in named)


@pytest.mark.parametrize(("lang", "told"), [
    ("fr", {"CHUNKING": "oui", "PIPELINING": "non", "SIZE": "10 240 000 octets",
            "RCPTMAX": "il n'en dit rien", "Connexions": "1"}),
    ("en", {"CHUNKING": "yes", "PIPELINING": "no", "SIZE": "10,240,000 bytes",
            "RCPTMAX": "it does not say", "Connections": "1"}),
])  # fmt: skip
def test_the_page_says_what_the_relay_can_do(lang, told):
    base = account(3)
    server = {**base.runs[0].server, "pipelining": False}
    ran = replace(base.runs[0], server=server)
    tree = parsed(page.render(sealed(replace(base, runs=(ran,))), lang))
    rows = {"".join(r[0].itertext()): "".join(r[1].itertext()) for r in tree.iter("tr")}
    for what, answer in told.items():
        (found,) = [v for k, v in rows.items() if what in k]
        assert found.replace("\u00a0", " ") == answer
    assert "RCPTMAX" not in page.render(sealed(EVERY["waiting"]), lang)


@pytest.mark.parametrize("name", EVERY)
def test_the_page_asks_the_network_for_nothing_and_runs_nothing(name):
    tree = parsed(page.render(sealed(EVERY[name]), "fr"))
    scripts = list(tree.iter("script"))
    assert [s.get("type") for s in scripts] == ["application/json"]
    for element in tree.iter():
        for attribute in element.attrib:
            assert attribute not in {"src", "href", "style"}
            assert not str(attribute).startswith("on")


def contrast(one, other):
    """Return the contrast of two colours (WCAG 2.1, 1.4.3)."""

    def luminance(colour):
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_is_read_on_its_ground_by_day_by_night_and_on_paper():
    text = page.render(sealed(EVERY["one"]), "fr")
    palettes = [
        dict(re.findall(r"--(\w+): (#\w{6})", rule))
        for rule in re.findall(r":root \{(.*?)\}", text)
    ]
    assert len(palettes) == 3
    for colours in palettes:
        for ink in ("ink", "soft", "mark"):
            for ground in ("paper", "band"):
                assert contrast(colours[ink], colours[ground]) >= 4.5
        assert contrast(colours["line"], colours["paper"]) >= 3


def test_a_text_of_a_server_cannot_become_part_of_the_page():
    made = sealed(refused(account(2), 1, "550 </script><script>alert(1)</script><b>x"))
    text = page.render(made, "fr")
    tree = parsed(text)
    assert len(list(tree.iter("script"))) == 1
    assert list(tree.iter("b")) == []
    assert json.loads(tree.find(".//script").text) == made


@pytest.mark.parametrize(("name", "fr", "en"), [
    ("none", "Aucun destinataire : rien n'était à transmettre.", "No recipient: there was nothing to send."),
    ("single", "1/1 accepté par le relais de l'Institut, en une seule fois, le 16 novembre 2026 à 10 h 00.",
     "1/1 accepted by the institute's relay, all at once, on 16 November 2026 at 10:00."),
    ("one", "29/29 acceptés par le relais de l'Institut, en une seule fois, le 16 novembre 2026 à 10 h 00.",
     "29/29 accepted by the institute's relay, all at once, on 16 November 2026 at 10:00."),
    ("each", "60/60 acceptés par le relais de l'Institut, en 60 ms, le 16 novembre 2026 à 10 h 00.",
     "60/60 accepted by the institute's relay, within 60 ms, on 16 November 2026 at 10:00."),
    ("groups", "30/30 acceptés par le relais de l'Institut, en 5,1 ms, le 16 novembre 2026 à 10 h 00.",
     "30/30 accepted by the institute's relay, within 5.1 ms, on 16 November 2026 at 10:00."),
    ("refused", "28/29 acceptés par le relais de l'Institut : il en manque 1. Ce n'est pas « diffusé ».",
     "28/29 accepted by the institute's relay: 1 is missing. This is not “diffused”."),
    ("confirmed", ("3/3 acceptés par le relais de l'Institut, en une seule fois, le 16 novembre 2026 à 10 h 00. "
     "De ceux-là, 1 l'est par la parole d'une personne : le relais n'a rien répondu."),
     ("3/3 accepted by the institute's relay, all at once, on 16 November 2026 at 10:00. "
     "Of these, 1 is by the word of a person: the relay replied nothing.")),
    ("without", ("28/28 acceptés par le relais de l'Institut, en une seule fois, le 16 novembre 2026 à 10 h 00. "
     "Exception : 1 membre actif n'avait pas d'adresse; il n'est pas compté."),
     ("28/28 accepted by the institute's relay, all at once, on 16 November 2026 at 10:00. "
     "Exception: 1 active member had no address and is not counted.")),
    ("remedied", ("2/2 acceptés par le relais de l'Institut, en plusieurs fois, du 16 novembre 2026 à 10 h 00 au "
     "16 novembre 2026 à 12 h 00."),
     ("2/2 accepted by the institute's relay, in several times, from 16 November 2026 at 10:00 to "
     "16 November 2026 at 12:00.")),
    ("aborted", "0/3 : rien n'est parti, pour personne.", "0/3: nothing left, for anybody."),
    ("waiting", "0/3 : rien n'est encore accepté; l'envoi est fixé au 17 novembre 2026 à 10 h 00.",
     "0/3: nothing is accepted yet; it is set for 17 November 2026 at 10:00."),
    ("later", "0/3 : rien n'est encore accepté; le dernier essai n'a rien donné, un autre suivra.",
     "0/3: nothing is accepted yet; the last attempt gave nothing, another will follow."),
    ("at_the_end", "0/3 : le relais a refusé le message une fois complet; personne n'a rien.",
     "0/3: the relay refused the message once it was whole; nobody has anything."),
    ("stopped", "0/3 : la libération a été interrompue; personne ne sait ce qu'il en est.",
     "0/3: the release was interrupted; nobody knows."),
    ("leaving", ("0/3 : l'envoi part en ce moment; les réponses du relais ne sont pas encore connues."),
     "0/3: it is leaving at this moment; the relay's replies are not known yet."),
    ("some_stopped", ("1/3 accepté par le relais de l'Institut : il en manque 2. Ce n'est pas « diffusé ». La "
     "libération a été interrompue : personne ne sait si 2 destinataires sont servis."),
     ("1/3 accepted by the institute's relay: 2 are missing. This is not “diffused”. The release was "
      "interrupted: nobody knows whether 2 recipients are served.")),
    ("uncertain", "0/3 : la fin du message est partie, aucune réponse n'est venue; personne ne sait ce qu'il en est.",
     "0/3: the end of the message left, no reply came; nobody knows."),
])  # fmt: skip
def test_two_seconds_are_enough(name, fr, en):
    assert headline(name) == fr
    assert headline(name, "en") == en


@pytest.mark.parametrize(("name", "verdict", "reason"), [
    ("one", "yes", ("Un seul envoi pour les 29 : un seul point final, une seule réponse du relais, 3,1 ms après. "
     "Entre le premier servi et le dernier : 0 ms.")),
    ("each", "yes", "60 ms entre le premier point final et la dernière acceptation."),
    ("groups", "yes", "3 envois groupés"),
    ("waves", "partly", "en 3 vagues, sur 1 min 5 s."),
    ("newcomers", "yes", "Les deux contenus sont partis dans la même libération"),
    ("refused", "partly", "1 refus, connu avant que quiconque ait quoi que ce soit."),
    ("confirmed", "partly", "1 l'est par la parole d'une personne"),
    ("without", "partly", "Exception : 1 membre actif"),
    ("after_dot", "nobody", "3 lignes demandent une personne."),
    ("remedied", "partly", "1 refus, connu avant que quiconque ait quoi que ce soit. 1 refus à un essai suivant."),
    ("aborted", "nobody", "1 refus, connu avant que quiconque ait quoi que ce soit."),
    ("waiting", "waiting", "Il est trop tôt pour le dire."),
    ("uncertain", "waiting", "3 lignes demandent une personne."),
])  # fmt: skip
def test_why_it_is_equitable_or_not_is_said_with_the_figures(name, verdict, reason):
    made = Explanation(sealed(EVERY[name]), Speech("fr"))
    said = " ".join([made.verdict_said(), *made.equitable()]).replace("\u00a0", " ")
    assert made.verdict == verdict
    assert reason in said


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("name", EVERY)
def test_received_is_never_said(name, lang):
    made = Explanation(sealed(EVERY[name]), Speech(lang))
    said = " ".join(s for _heading, sentences in made.sections() for s in sentences).casefold()
    for word in ("reçu", "received", "livré", "delivered"):
        assert word not in said
    assert "{" not in said


def test_what_a_person_decided_instead_of_the_rule_is_said():
    made = Explanation(sealed(EVERY["remedied"]), Speech("fr"))
    said = " ".join(made.happened()).replace("\u00a0", " ")
    assert "Essai 1 : le relais avait tout en main" in said
    assert "Cet essai a suivi une autre règle : « tous ou personne »." in said
    assert said.count("Une personne en a décidé.") == 1
    assert "Ligne 1 : refusé avant tout envoi (550 no); accepté ensuite." in said


def test_every_state_of_a_delivery_has_its_words():
    assert set(DELIVERY_STATES) <= set(STATES)


# --- the time line ------------------------------------------------------------------------------


def test_one_transmission_is_one_row_and_one_event():
    made = sealed(account(29))
    (row,) = passages(made)
    assert (row.count, row.accepted, row.settled) == (29, 29, (3000, 3000))
    assert acceptances(made) == [(3000, 3000, 29)]
    assert "Un seul événement pour les 29 lignes" in page.render(made, "fr")


def test_a_row_says_which_lines_it_holds():
    labels = [row["label"] for row in drawing(sealed(EVERY["groups"]), Speech("fr"))["rows"]]
    assert labels == ["lignes 1 à 10", "lignes 11 à 20", "lignes 21 à 30"]
    (row,) = drawing(sealed(account(29)), Speech("en"))["rows"]
    assert row["label"] == "29 lines"
    labels = [r["label"] for r in drawing(sealed(EVERY["refused"]), Speech("fr"))["rows"]]
    assert labels == ["28 lignes", "ligne 4"]


def test_each_line_has_its_own_row_at_its_own_place():
    made = sealed(each(60))
    picture = drawing(made, Speech("fr"))
    assert len(picture["rows"]) == 60
    places = [row["settled"][1] for row in picture["rows"]]
    assert len(set(places)) == 60
    assert max(places) == 720
    assert sum(count for _start, _end, count in acceptances(made)) == 60


def test_a_thousand_lines_are_gathered_and_none_is_lost():
    rows = passages(sealed(each(1000)))
    assert len(rows) <= MOST
    assert sum(row.count for row in rows) == sum(row.accepted for row in rows) == 1000


def test_a_refusal_stands_before_the_dot_and_is_told_by_its_shape():
    picture = drawing(sealed(refused(account(3), 2, "550 no")), Speech("fr"))
    (out,) = [row for row in picture["rows"] if not row["accepted"]]
    assert out["label"] == "ligne 2"
    assert out["settled"][1] < 400
    assert out["released"] is None


def test_the_axis_is_in_milliseconds():
    labels = [
        t["label"].replace("\u00a0", " ")
        for t in drawing(sealed(account(3)), Speech("fr"))["ticks"]
    ]
    assert labels == ["−400 ms", "−200 ms", "0", "+1 ms", "+2 ms", "+3 ms"]


@given(st.integers(min_value=1, max_value=10**11))
def test_no_mark_of_the_axis_is_written_over_another_however_long_the_diffusion_took(span):
    letter = 6  # units, as wide as a letter is drawn
    for scale, most in ((_Scale(AFTER, 0, span), 3), (_Scale(BEFORE, -span, 0), 2)):
        marks = sorted((t["x"], len(t["label"]) * letter) for t in scale.ticks(Speech("fr"), most))
        assert marks
        assert all(b - a >= (wide + wider) / 2 for (a, wide), (b, wider) in pairwise(marks))


def test_nothing_is_drawn_before_a_first_dot():
    assert drawing(sealed(WAITING), Speech("fr")) is None
    assert acceptances(sealed(ABORTED)) == []


def test_an_instant_of_zero_width_is_drawn_all_the_same():
    at_once = account(2)
    still = tuple(replace(c, staged_at=DOT, settled_at=DOT) for c in at_once.copies)
    ran = run([transmission(1, staged_at=DOT, replied_at=DOT)], window=0, last_reply_at=DOT)
    assert drawing(sealed(replace(at_once, copies=still, runs=(ran,))), Speech("fr"))["rows"]


@pytest.mark.parametrize(("micros", "fr"), [
    (0, "0 ms"), (3100, "3,1 ms"), (357_000, "357 ms"), (1_250_000, "1,25 s"), (65_000_000, "1 min 5 s"),
    (7_200_003_000, "2 h"), (183_600_000_000, "2 j 3 h"),
])  # fmt: skip
def test_durations_are_said_as_people_say_them(micros, fr):
    assert Speech("fr").duration(micros).replace("\u00a0", " ") == fr
    assert Speech("fr").offset(-micros).replace("\u00a0", " ") == (f"−{fr}" if micros else fr)


# --- the verdict is the figure's, whatever the means --------------------------------------------


@pytest.mark.parametrize("shape", ["groups", "each", "waves"])
def test_the_same_window_has_the_same_verdict_whatever_the_means(shape):
    for window, verdict in ((60_700, "yes"), (8_010_000, "partly")):
        ran = replace(GROUPS.runs[0], shape=shape, window=window)
        assert Explanation(sealed(replace(GROUPS, runs=(ran,))), Speech("fr")).verdict == verdict


def test_one_accepted_transmission_of_two_is_not_said_to_be_the_only_one():
    half = tuple(
        c if c.transmission == 1 else replace(c, state="refused", reply="554 no")
        for c in GROUPS.copies
    )
    made = Explanation(sealed(replace(GROUPS, copies=half)), Speech("fr"))
    said = " ".join(made.equitable()).replace("\u00a0", " ")
    assert "Des 3 envois, un seul a été accepté; il portait 10 destinataires" in said
    assert "Un seul envoi" not in said


def test_who_is_new_is_counted_told_and_marked_and_the_content_is_each_ones_own():
    document = sealed(NEWCOMERS)
    said = " ".join(Explanation(document, Speech("fr")).beforehand()).replace("\u00a0", " ")
    assert (
        "3 destinataires ont eu, ou peuvent avoir eu, ce dont il est question. 2 sont nouveaux"
        in said
    )
    assert "L'envoi a deux contenus" in said
    assert "chaque exemplaire a la même empreinte" not in said
    text = page.render(document, "en")
    assert text.count("(new)</th>") == 2
    assert "The content of the new ones (fr)" in text
    nobody = replace(NEWCOMERS, copies=account(5).copies, contents={"fr": "ef" * 32})
    said = " ".join(Explanation(sealed(nobody), Speech("en")).beforehand())
    assert "5 recipients had, or may have had, what it is about. No active member" in said
    assert "the same for all: each copy has the same fingerprint" in said


def test_two_contents_that_did_not_leave_together_are_not_said_to_have():
    apart = run([transmission(1), transmission(2, wave=2)], shape="waves", window=4200)
    known_by_nobody = tuple(replace(c, transmission=None) for c in NEWCOMERS.copies)
    for one in (replace(NEWCOMERS, runs=(apart,)), replace(NEWCOMERS, copies=known_by_nobody)):
        said = " ".join(Explanation(sealed(one), Speech("fr")).equitable())
        assert "ne sont pas partis, pour tous, dans la même libération" in said


def test_two_language_versions_are_said_to_be_two_and_before_they_are_frozen_nothing_is_claimed():
    two = replace(account(2), contents={"fr": "ef" * 32, "fr+en": "fe" * 32})
    assert "2 versions linguistiques" in str(Explanation(sealed(two), Speech("fr")).beforehand())
    waiting = " ".join(Explanation(sealed(WAITING), Speech("fr")).beforehand())
    assert "sera arrêté" in waiting
    assert "chaque exemplaire a la même empreinte" not in waiting
