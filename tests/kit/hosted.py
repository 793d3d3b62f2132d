"""A project whose origin is ann/shop on the scripted GitHub, pushed to through a bare repository on this disk."""

from __future__ import annotations

from pathlib import Path

from conftest import Git
from github_api import GitHubApi
from project import CONFIG, Project

ADDRESS = "https://github.com/ann/shop.git"


def hosted(top: Path, git: Git, api: GitHubApi, **config: object) -> Project:
    """The project in `top`, with `config` beside what every one has."""
    folder = top.parent
    git(folder, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(top, "remote", "add", "origin", ADDRESS)
    git(top, "config", f"url.{folder / 'origin.git'}.insteadOf", ADDRESS)
    git(top, "push", "-q", "origin", "main")
    api.follows, api.tip = True, lambda branch: git(folder / "origin.git", "rev-parse", branch)
    project = Project(top, git, config={**CONFIG, "pr": "gh", **config})
    project.env |= api.env(folder)
    return project


def origin(project: Project) -> Path:
    """The bare repository that is pushed to."""
    return project.top.parent / "origin.git"
