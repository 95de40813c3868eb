"""Template sources that are not to be trusted are refused in one line, and nothing is written."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scaffolder import cli_projects, config, releases
from scaffolder.errors import FewshotError

from .conftest import Template, commit, files, git


@pytest.fixture
def refused(fewshot, tmp_path):
    """Tries a source with `new` and returns the one line that refuses it."""

    def refused(source: str | Path, *args: str) -> str:
        done = fewshot("new", "line", "--defaults", "--template", source, *args)
        assert done.returncode in (1, 2), done.stdout + done.stderr
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
        assert not (tmp_path / "line").exists()
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".fewshot")]
        return done.stderr

    return refused


@pytest.mark.parametrize(
    "setting",
    [
        '_tasks: ["touch {out}"]',
        '_migrations: [{{version: v1.0.0, before: ["touch {out}"]}}]',
        "_jinja_extensions: [os.system]",
        "_external_data: {{a: /etc/passwd}}",
        "_subdirectory: ../..",
        "_subdirectory: /etc",
        "!include /etc/passwd",
        "- a list",
    ],
)
def test_what_could_execute_or_reach_outside(template: Template, tmp_path, refused, setting):
    out = tmp_path / "out"
    text = (template.folder / "copier.yml").read_text()
    if setting.startswith("_subdirectory"):
        text = text.replace("_subdirectory: project\n", "")
    (template.folder / "copier.yml").write_text(text + setting.format(out=out) + "\n")
    template.release("v1.0.0")
    assert "refused" in (said := refused(template.folder)) or "cannot be read" in said
    assert not out.exists()


def test_links_and_other_repositories(template: Template, tmp_path, refused):
    template.release("v1.0.0")
    (template.folder / "project/link").symlink_to("/etc/passwd")
    template.release("v1.1.0")
    assert "project/link is a link" in refused(template.folder)
    (template.folder / "project/link").unlink()
    inner = Template(template.folder / "project/inner")
    inner.release("v1")
    template.release("v1.2.0")
    assert "project/inner is no ordinary file" in refused(template.folder)


@pytest.mark.parametrize("name", ["..", ".git", ".GIT"])
def test_names_that_lead_out(template: Template, refused, name):
    """Git makes no such tree of files, but a hostile server may send one."""
    template.release("v1.0.0")
    blob = git(template.folder, "hash-object", "-w", "copier.yml")
    made = subprocess.run(
        ["git", "hash-object", "-w", "-t", "tree", "--stdin", "--literally"],
        cwd=template.folder,
        input=b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob),
        capture_output=True,
        check=True,
    ).stdout.decode()
    config = f"100644 blob {blob}\tcopier.yml\n040000 tree {made.strip()}\tproject\n"
    tree = subprocess.run(
        ["git", "mktree"], cwd=template.folder, input=config.encode(), capture_output=True
    ).stdout.decode()
    if not tree:  # this git refuses to write it at all
        pytest.skip("git makes no such tree")
    author = ("-c", "user.name=x", "-c", "user.email=x@x")
    made = git(template.folder, *author, "commit-tree", tree.strip(), "-m", "x")
    git(template.folder, "tag", "v2.0.0", made)
    assert name in refused(template.folder)


@pytest.mark.parametrize("name", ["{{ '..' }}", "{{ sep ~ 'tmp' }}", "{{ '..' ~ sep ~ '..' }}"])
def test_rendered_names_that_lead_out(template: Template, tmp_path, refused, name):
    folder = template.folder / "project" / name
    folder.mkdir()
    (folder / "escaped").write_text("x\n")
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + "sep: {type: str, default: /, when: false}\n")
    template.release("v1.0.0")
    refused(template.folder)
    assert [path for path in tmp_path.rglob("escaped")] == [folder / "escaped"]


@pytest.mark.parametrize("text", ["-x", "--upload-pack=touch out"])
def test_what_looks_like_an_option(template: Template, tmp_path, refused, text):
    template.release("v1.0.0")
    assert "neither a template source nor a version" in refused(text)
    said = refused(template.folder, f"--version={text}")
    assert "neither a template source nor a version" in said
    assert not (tmp_path / "out").exists()


def test_broken_bundles(tmp_path, refused):
    whole = releases.BUNDLE.read_bytes()
    bundle = tmp_path / "some.bundle"
    bundle.write_bytes(whole[: len(whole) // 2])
    assert "cannot read the template source" in refused(bundle)
    half = len(whole) // 2
    bundle.write_bytes(whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :])
    assert "cannot read the template source" in refused(bundle)
    bundle.write_bytes(b"not a bundle")
    assert "cannot read the template source" in refused(bundle)
    assert "cannot read the template source" in refused(tmp_path / "nowhere")


def test_our_own_bundle_altered(fewshot, tmp_path, home, monkeypatch, template: Template):
    """Another commit under the tag of a release, in a bundle that is whole in itself."""
    data = tmp_path / "data"
    installed = data / "fewshot" / "templates.bundle"
    installed.parent.mkdir(parents=True)
    store = tmp_path / "store"
    git(tmp_path, "clone", "--quiet", "--bare", releases.BUNDLE, store)
    newest = list(releases.released())[-1]
    for tag in releases.tags(releases.BUNDLE):
        if releases.order(tag) > releases.order(newest):
            git(store, "tag", "--delete", tag)
    template.release("v1.0.0")
    git(store, "fetch", "--quiet", template.folder, "+refs/tags/v1.0.0:refs/tags/" + newest)
    git(store, "bundle", "create", "--quiet", installed, "--tags")
    altered = installed.read_bytes()
    from scaffolder import source

    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    monkeypatch.setattr(releases, "install", lambda: installed)
    with source.opened(None) as opened, pytest.raises(Exception, match="not what was released"):
        opened.release(newest)
    done = fewshot(
        "new", "line", "--defaults", FEWSHOT_TEMPLATE="", XDG_DATA_HOME=str(data)
    )  # the real command replaces it by ours
    assert done.returncode == 0, done.stderr
    assert installed.read_bytes() != altered


def test_an_update_from_a_source_that_turned_hostile(template: Template, tmp_path, fewshot):
    template.write(a="a\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + f'_tasks: ["touch {tmp_path}/out"]\n')
    template.write(a="b\n").release("v2.0.0")
    before = files(line)
    for option in ("--plan", "--defaults"):
        done = fewshot("update", line, option)
        assert done.returncode == 1 and "its copier.yml sets _tasks" in done.stderr
    assert files(line) == before and not (tmp_path / "out").exists()
    shutil.rmtree(template.folder)
    done = fewshot("update", line)
    assert done.returncode == 2 and "cannot read the template source" in done.stderr


def test_the_configured_source_is_the_default(template: Template, tmp_path, fewshot):
    template.write(a="a\n").release("v1.0.0")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "FEWSHOT_TEMPLATE": ""}
    assert fewshot("config", **env).stdout.startswith("template: not set")
    assert fewshot("config", "template", template.folder, **env).returncode == 0
    assert fewshot("config", "template", **env).stdout.startswith(f"template: {template.folder}")
    done = fewshot("new", "line", "--defaults", **env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "line/a").read_text() == "a\n"
    assert fewshot("config", "colour", "red", **env).returncode == 2
    assert fewshot("config", "template", "--unset", **env).returncode == 0
    assert "not set" in fewshot("config", **env).stdout
    (tmp_path / "config/fewshot/config.yaml").write_text("template: [\n")
    done = fewshot("new", "other", "--defaults", **env)
    assert done.returncode == 1 and "is not valid YAML" in done.stderr


@pytest.mark.parametrize("name", [".git/config", ".fewshot-update/journal.json"])
def test_names_that_only_rendering_makes(template: Template, tmp_path, refused, name):
    """Git runs what a .git folder says, and an update believes its own journal."""
    folder, _, file = name.partition("/")
    path = template.folder / "project" / f"{{{{ '{folder}' }}}}" / file
    path.parent.mkdir()
    path.write_text(f"[core]\n\tfsmonitor = touch {tmp_path}/out; false\n")
    template.release("v1.0.0")
    assert f"is refused: it writes {folder}" in refused(template.folder)
    assert not (tmp_path / "out").exists()


def test_no_filter_of_a_template_runs(template: Template, tmp_path, fewshot, monkeypatch):
    config = tmp_path / "config"
    config.write_text(f'[filter "lfs"]\n\tsmudge = touch {tmp_path}/out; cat\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    attributes = "* filter=lfs eol=crlf\n"
    template.write(a="one\n")
    template.release("v1.0.0")
    (template.folder / ".gitattributes").write_text(attributes)
    template.release("v1.1.0")
    (tmp_path / "out").unlink(missing_ok=True)
    line = template.new(tmp_path / "line")
    assert (line / "a").read_bytes() == b"one\n" and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "body", ["{{ 1/0 }}", "{{ a.b.c }}", "{% if %}", "{% include '/etc/passwd' %}", "{{ 1 + 'a' }}"]
)
def test_templates_that_cannot_be_rendered(template: Template, refused, body):
    template.write(**{"x.jinja": body}).release("v1.0.0")
    assert "the template cannot be rendered: " in refused(template.folder)


@pytest.mark.parametrize("exclude", ["5", "[[a]]", "['{{ 1/0 }}']"])
def test_odd_patterns(template: Template, tmp_path, fewshot, exclude):
    template.release("v1.0.0")
    line = template.new(tmp_path / "line")
    (template.folder / "copier.yml").write_text(f"_subdirectory: project\n_exclude: {exclude}\n")
    template.release("v1.1.0")
    done = fewshot("update", line, "--defaults")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "_exclude" in done.stderr


def test_a_version_that_is_a_very_long_number(template: Template, tmp_path, fewshot):
    template.release("v1.0.0")
    line = template.new(tmp_path / "line")
    path = line / ".copier-answers.yml"
    path.write_text(path.read_text().replace("v1.0.0", "v" + "9" * 5000))
    commit(line)
    for args in (("update", "--check", line), ("status", line), ("update", line)):
        assert "Traceback" not in fewshot(*args).stderr


def test_the_configured_source_means_the_same_everywhere(template: Template, tmp_path, fewshot):
    template.release("v1.0.0")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "FEWSHOT_TEMPLATE": ""}
    assert fewshot("config", "template", "./template", **env).returncode == 0
    assert fewshot("config", **env).stdout.startswith(f"template: {template.folder} ")
    for wrong in (("--unset",), ("template", ""), ("template", "--", "-x")):
        assert fewshot("config", *wrong, **env).returncode == 2
    kept = tmp_path / "kept.yaml"
    (tmp_path / "config/fewshot/config.yaml").rename(kept)
    (tmp_path / "config/fewshot/config.yaml").symlink_to(kept)  # as people keep such files
    assert fewshot("config", **env).stdout.startswith(f"template: {template.folder} ")
    assert fewshot("config", "template", "--unset", **env).returncode == 0
    assert kept.read_text() == "{}\n"


def test_a_setting_that_is_no_text_can_be_removed(home, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config.path().parent.mkdir()
    config.path().write_text("template: [x]\n")
    with pytest.raises(FewshotError, match="template is not text: fewshot config template --unset"):
        config.load()
    cli_projects.configure("template", unset=True)
    assert config.load() == {}
