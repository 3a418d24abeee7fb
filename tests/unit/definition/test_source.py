import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.definition.source import read, scan
from engine.errors import InvalidDefinition

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(8)
)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: 1\na: 2\n", "duplicate-key", 2),
        (BOMB, "alias", 1),
        ("a: &x\n  b: *x\n", "alias", 1),
        ("<<: {a: 1}\n", "alias", 1),
        ("a: !!python/object/apply:os.system [ls]\n", "tag", 1),
        ("a: [b\n", "yaml", 1),
        ("a: 1\n---\nb: 2\n", "too-large", 2),
        ("[" * 60 + "]" * 60, "too-large", 1),
        ("a: 'x\x07y'\n", "control-character", 1),
        ('a: 1\nb: "x\\u0007y"\n', "control-character", 2),
        ("? [a]\n: b\n", "key", 1),
        ("", "empty", 1),
    ],
)
def test_what_surprises_in_yaml_is_refused_at_its_place(text, code, line):
    with pytest.raises(InvalidDefinition) as refusal:
        read(text, "essai.yaml")
    finding = refusal.value.findings[0]
    assert (finding.code, finding.line) == (code, line)
    assert str(finding).startswith(f"essai.yaml:{line}:")


def test_a_file_as_windows_saves_it_is_read_and_its_places_are_true():
    assert read("\ufeffa: 1\r\nb: 2\r\n", "essai.yaml").tree == {"a": 1, "b": 2}
    found = scan("\ufeffa: 1\r\na: 2\r\n", "essai.yaml").findings
    assert [(f.code, f.line, f.column) for f in found] == [("duplicate-key", 2, 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {b: 1\nc: 2\n", "une accolade n'est pas fermée"),
        ("a: [b\n", "un crochet n'est pas fermé"),
        ("a: 'b\nc: 2\n", "un guillemet n'est pas fermé"),
        ("a: b: c\n", "un texte qui en contient n'est pas entre guillemets"),
        ("a: @b\n", "à moins d'être entre guillemets"),
        ("a:\n\tb: 1\n", "une tabulation"),
        ("a:\n  b: 1\n c: 2\n", "le retrait n'est pas celui des lignes voisines"),
        ("a: 1\n---\nb: 2\n", "un second document commence ici"),
        ("[" * 60 + "]" * 60, "plus de 30 niveaux"),
        ("a: &x b\n", "« &x » nomme ce morceau pour le répéter ailleurs"),
        ("&x a: b\n", "« &x » nomme ce morceau pour le répéter ailleurs"),
        ("a: *x\n", "« *x » répète un autre morceau du fichier, ce qui n'est pas permis : écrivez"),
        ("<<: {a: b}\n", "« << » fond ici un autre morceau du fichier"),
        ("x" * 3_000_000, "plus de 2\u00a0000\u00a0000 caractères. Est-ce le bon?"),
        ("- x\n" * 200_000, "plus de 150\u00a0000 valeurs"),
    ],
    ids=lambda text: text[:30],
)
def test_what_the_parser_refuses_is_said_in_words_that_mend_it(text, words):
    with pytest.raises(InvalidDefinition) as refusal:
        read(text, "essai.yaml")
    assert words in refusal.value.findings[0].messages["fr"]


def test_a_line_full_of_aliases_is_told_once_for_each_name():
    found = [f for f in scan(BOMB, "essai.yaml").findings if f.code == "alias"]
    assert [f.line for f in found] == [1, *(n for n in range(2, 10) for _ in "&*")]


@pytest.mark.parametrize("text", ["x" * 10_000_000, "a: " + "[" * 400_000, "- x\n" * 200_000])
def test_a_hostile_file_is_refused(text):
    with pytest.raises(InvalidDefinition):
        read(text, "hostile.yaml")


def test_words_that_yaml_reads_otherwise_stay_what_was_written():
    tree = read("a: NO\nb: 12:30\nc: 2013-03-31\nd: 7\ne: true\nf: '7'\ng: 1e3\nh:\n", "x").tree
    assert tree == {
        "a": "NO",
        "b": "12:30",
        "c": "2013-03-31",
        "d": 7,
        "e": True,
        "f": "7",
        "g": "1e3",
        "h": None,
    }


PLAIN = st.recursive(
    st.integers(-1000, 1000)
    | st.booleans()
    | st.none()
    | st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=8),
        PLAIN,
        min_size=1,
        max_size=5,
    )
)
def test_a_plain_tree_is_read_back_as_it_was_written_and_every_key_has_its_place(tree):
    quoted = {k: v for k, v in tree.items() if k not in {"null", "true", "false"}}
    text = yaml.safe_dump(quoted, default_style=None, allow_unicode=True)
    if "'" in text or '"' in text or "!" in text or not quoted:
        return
    source = read(text, "x")
    lines = text.splitlines()
    for (key, *rest), (line, column) in source.keys.items():
        if not rest:
            assert lines[line - 1][column - 1 :].startswith(str(key))


@pytest.mark.parametrize("inside", ["  - {a: 1", "  - [a", "  {a: 1"])
def test_a_bracket_left_open_inside_a_list_is_found_at_its_line(inside):
    source = scan(f"process: essai\nactions:\n{inside}\nstates: {{}}\n", "x")
    assert [(f.code, f.line) for f in source.findings] == [("yaml", 3)]
    assert "process" in source.tree
