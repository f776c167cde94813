"""What is wrong with a text that is no YAML: the line where it went wrong, and what to write there."""

from __future__ import annotations

import pytest

from gensweep.reading import YamlError, read_text

GOOD = """\
defaults: [base, {dataset: ring}]
name: study
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: 8
  family: {one_of: [{name: vae}, {name: wae, lambda: 10}]}
  training:
    epochs: 1
    batch_size: 8
"""


def told(text: str) -> str:
    with pytest.raises(YamlError) as error:
        read_text(text, "f")
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  latent_size: 8", "   latent_size: 8", "f:5 is indented by 3 spaces, line 4 before it by 2. Indent keys"),
        ("  latent_size: 8", " latent_size: 8", "f:5 is indented by 1 space, line 4 before it by 2."),
        ("    batch_size", "   batch_size", "f:9 is indented by 3 spaces, line 8 before it by 4."),
        ("    batch_size", "     batch_size", "f:9 is indented as if it belonged to the line before"),
        ("name: study", " name: study", "f:2 is indented by 1 space, line 1 before it by 0."),
        ("defaults:", " defaults:", "f:2 is indented less than the first line."),
        ("  latent_size", "\u00a0\u00a0latent_size", "f:5 is indented with no-break spaces."),
        ("  latent_size", "\tlatent_size", "f:5 a tab stands where YAML takes spaces."),
        ("latent_size: 8", "latent_size:\t8", "f:5 a tab stands where YAML takes spaces."),
        ("latent_size: 8", "latent_size 8", "f:5 there is no ':' after 'latent_size'. Write latent_size: 8"),
        ("latent_size: 8", "latent_size:8", "f:5 a space is missing after ':'. Write latent_size: 8"),
        ("latent_size: 8", "latent_size = 8", "f:5 a value follows a ':', not a '='. Write latent_size: 8"),
        ("name: study", "study!", "f:2 there is no ':' on this line."),
        ("latent_size: 8", "latent_size: 8: 9", "f:5 a second ':' on this line. Put text that holds one in quotes"),
        (
            "latent_size: 8",
            "latent_size: choice: [2, 8]",
            "f:5 a second ':' on this line. Write choice(2, 8), or put text",
        ),
        ("hidden: [8]}", "hidden: [8}", "f:4 the '[' here has to be closed with ']' before '}'"),
        ("hidden: [8]}", "hidden: [8]", "f:4 the '{' is never closed with '}'"),
        ("[8]}", "[8]}}", "f:4 a '}' that nothing opens"),
        ("{name: vae}, ", "{name: vae} ", "f:6 a comma is missing before '{name'"),
        ("wae, lambda", "wae lambda", "f:6 a comma is missing before 'lambda'"),
        ("[base, {", "[base,\n  {", None),
        ("[base, {dataset: ring}]", "[base,\n  {dataset: ring}\n  x: 3]", "f:3 a comma is missing before 'x'"),
        ("[8]", "[8,, 9]", "f:4 a value is missing before ','"),
        ("study", "'study", "f:2 the ' is never closed"),
        ("study", '"study', 'f:2 the " is never closed'),
        ("study", '"C:\\data"', "f:2 in double quotes a \\ begins a code, as in \\n. Put this text in single quotes"),
        ("study", "'a' b", "f:2 'b' follows a value that has ended. Put the whole value in quotes"),
        ("study", "%study", "f:2 a value cannot begin with '%'. Put it in quotes"),
        ("study", "@study", "f:2 a value cannot begin with '@'."),
        ("study", "*study", "f:2 '*study' repeats what &study marks, and nothing before it is marked so."),
        ("study", "**", "f:2 a value cannot begin with '*'."),
        ("latent_size: 8", "latent_size: 8\n  - x", "f:6 line 6 is an item of a list (- ), line 4 a key."),
        ("  training:\n", "  training:\n    - a: 1\n", "f:9 line 8 is an item of a list (- ), line 9 a key."),
        ("epochs: 1", "<<: {epochs:1}", "f:8 'epochs:1' has no value. Write epochs: 1"),
        ("[8]", "[8], norm=none", "f:4 'norm=none' has no value. Write norm: none"),
        ("lambda: 10", "lambda: 0,001", "f:6 '001' stands alone after a comma or a brace"),
        ("{name: vae}", "{vae}", "f:6 'vae' stands alone"),
        ("latent_size: 8", "latent_size: {2, 8}", "f:5 '2' stands alone"),
        (
            "latent_size: 8",
            "latent_size: 010",
            "f:5 010 begins with a 0, which some read as octal. Write 10, or '010' in",
        ),
        ("study", "0123", "f:2 0123 begins with a 0"),
        ("latent_size: 8", "latent_size: choice(2, 8", "f:5 choice( is never closed with a ')'. Write choice(2, 8)"),
        ("latent_size: 8", "x: {y: choice(2, 8}", "f:5 choice( is never closed with a ')'. Write choice(2, 8)"),
        ("epochs: 1", "epochs: 1\n---\n", "f:9 holds a second document (---). One file is one sweep"),
        ("epochs", "epo\x0cchs", "f:8 holds a character that YAML does not allow, U+000C. Delete it"),
    ],
)
def test_it_is_told_by_what_stands_there(old: str, new: str, says: str | None) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    if says is None:
        read_text(text, "f")
    else:
        assert told(text).startswith(says)


def test_nothing_of_the_library_s_english_is_left() -> None:
    """Every prefix of a sound file, and the file without any one character, is told in our words or read."""
    texts = [GOOD[:n] for n in range(len(GOOD))] + [GOOD[:n] + GOOD[n + 1 :] for n in range(len(GOOD))]
    said = []
    for text in texts:
        try:
            read_text(text, "f")
        except YamlError as error:
            said.append(str(error))
    assert len(said) > 50
    theirs = ("while parsing", "while scanning", "expected <", "but found", "could not find", "cannot start")
    assert not [line for line in said if any(words in line for words in theirs)]


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(ending: str) -> None:
    assert told(GOOD.replace("latent_size: 8", "latent_size 8").replace("\n", ending)).startswith("f:5 there is no ':'")
