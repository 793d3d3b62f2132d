"""Facts about neighbours: asked once in a run, and as the disk has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from correctless.lint.subject.neighbours import MAX_SKILLS, NeighbourFacts, NeighbourTree, lookups_unchanged


def skill(folder: Path, front: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(f"---\n{front}\n---\n")
    return folder


def test_the_skills_of_a_folder_are_read_once_for_all_of_them(tmp_path: Path) -> None:
    tree = NeighbourTree()
    for number in range(5):
        skill(tmp_path / f"s{number}", "name: same")
    answers = []
    for number in range(5):
        facts = NeighbourFacts(str(tmp_path / f"s{number}"), tree)
        answers.append(facts.skill_named("..", "same", f"s{number}"))
        (tmp_path / "s0/SKILL.md").unlink(missing_ok=True)  # nobody looks there again
    assert answers == ["s1", "s0", "s0", "s0", "s0"]
    assert len(tree.take_new_names()) == 5
    assert tree.take_new_names() == {}


@pytest.mark.parametrize(
    ("front", "name"),
    [
        ("name: other", "other"),
        ("name: 'other'  # as it was called", "other"),
        ("title: x\nname: other\nname: last", "last"),
        ("title: x", "folder"),
        ("name: [other]", "folder"),
        ("a:\n  name: other", "folder"),
        ("name: a: b", "a: b"),
    ],
)
def test_the_name_of_a_neighbour_is_what_it_states_or_that_of_its_folder(
    front: str, name: str, tmp_path: Path
) -> None:
    skill(tmp_path / "folder", front)
    own = skill(tmp_path / "own", "name: own")
    facts = NeighbourFacts(str(own))
    names = ("other", "last", "folder", "a: b", "own", "x", "")
    assert [each for each in names if facts.skill_named("..", each, "own")] == [name]


def test_a_folder_is_one_whichever_path_leads_to_it(tmp_path: Path) -> None:
    skill(tmp_path / "real/one", "name: x")
    skill(tmp_path / "real/two", "name: x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "two").symlink_to("real/two")  # its parent is `real`
    tree = NeighbourTree()
    for folder in ("real/two", "link/two", "two"):
        assert NeighbourFacts(str(tmp_path / folder), tree).skill_named("..", "x", "two") == "one"
    assert NeighbourFacts(str(tmp_path / "none/two"), tree).skill_named("..", "x", "two") == ""


def test_below_a_missing_folder_is_nothing_and_below_another_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/a.md").touch()
    (tmp_path / "broken").symlink_to("nowhere")
    facts = NeighbourFacts(str(tmp_path))
    asked = (
        "none/a",
        "none/b",
        "broken/a",
        "broken/b",
        "there/b.md",
        "there/a.md",
        "there/a.md/x",
        "a",
        "there",
    )
    assert [facts.kind(each) for each in asked] == ["", "", "", "", "", "file", "", "", "folder"]
    (tmp_path / "none").mkdir()
    (tmp_path / "none/a").touch()
    assert not lookups_unchanged(str(tmp_path), facts.lookups.items(), NeighbourTree())


def test_of_a_large_folder_the_first_names_count(tmp_path: Path) -> None:
    for number in range(MAX_SKILLS):
        (tmp_path / f"s{number:03}").mkdir()
    skill(tmp_path / "t", "name: same")
    own = skill(tmp_path / "x", "name: same")
    assert NeighbourFacts(str(own)).skill_named("..", "same", "x") == ""
    (tmp_path / "s000").rmdir()
    assert NeighbourFacts(str(own)).skill_named("..", "same", "x") == "t"


def test_a_known_name_counts_only_while_the_stat_of_its_file_is_the_same(tmp_path: Path) -> None:
    skill(tmp_path / "one", "name: first")
    own = skill(tmp_path / "own", "name: own")
    first = NeighbourTree()
    facts = NeighbourFacts(str(own), first)
    assert facts.skill_named("..", "first", "own") == "one"
    known = first.take_new_names()
    path, (stat, _name) = next(each for each in known.items() if each[0].endswith("one/SKILL.md"))
    # A false name shows which of the two was taken: the known one, or that of the file.
    known[path] = stat, "known"
    tree = NeighbourTree(known)
    assert NeighbourFacts(str(own), tree).skill_named("..", "known", "own") == "one"
    assert tree.take_new_names() == {}
    assert not lookups_unchanged(str(own), facts.lookups.items(), tree)
    skill(tmp_path / "one", "name: second")
    tree = NeighbourTree(known)
    assert NeighbourFacts(str(own), tree).skill_named("..", "second", "own") == "one"
    assert list(tree.take_new_names()) == [path]
