# The repository's own tasks; a rendered project has a Makefile of its own.

VENV := .venv
# The newest Python that a rendered project's environment can be made of, else any.
BASE_PYTHON ?= $(shell for p in python3.11 python3.10 python3; do \
	$$p -c 'import venv, ensurepip' 2>/dev/null && echo $$p && break; done)
PROJECT_ENV := $(CURDIR)/build/project-env
DEMO := build/demo/demo-project

.PHONY: help demo test test-tool test-project lint bundle docs files clean
.DEFAULT_GOAL := help

help:  ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(VENV)/.tool $(PROJECT_ENV)/.ready  ## the whole way on sample pictures, ending with a report
	rm -rf build/demo && mkdir -p build/demo
	$(VENV)/bin/fewshot demo $(DEMO) >/dev/null
	$(MAKE) --no-print-directory -C $(DEMO) setup all VENV=$(PROJECT_ENV)
	@echo; echo "Project: $(CURDIR)/$(DEMO) (its steps: make help VENV=$(PROJECT_ENV))"
	@echo "Report: $$(ls -t $(CURDIR)/$(DEMO)/runs/*/report.html | head -n 1)"

test: test-tool test-project  ## every test: the tool's, then the rendered project's

test-tool: $(VENV)/.dev  ## tests of the tool, the template and the package
	$(VENV)/bin/python -m pytest tests/cli tests/template tests/package

test-project: $(PROJECT_ENV)/.ready  ## tests of the rendered project, in its own environment
	$(PROJECT_ENV)/bin/python -m pytest tests/project

lint: $(VENV)/.dev  ## formatting, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

bundle: $(VENV)/.tool  ## write templates/ into the release bundle, after each edit of it
	$(VENV)/bin/python -m scaffolder.releases build

docs: $(VENV)/.tool  ## write docs/cli.md
	$(VENV)/bin/python docs/generate.py > build/cli.md && mv build/cli.md docs/cli.md

files: $(VENV)/.tool  ## write the list of rendered files; read the difference before committing it
	rm -rf build/files && mkdir -p build
	$(VENV)/bin/python -m scaffolder.releases build --bundle build/templates.bundle
	$(VENV)/bin/fewshot new build/files --defaults --template build/templates.bundle >/dev/null
	cd build/files && find . -name .git -prune -o ! -type d -print | sed 's|^\./||' | \
		LC_ALL=C sort > $(CURDIR)/tests/template/classification.txt

clean:  ## remove the environments and all that was built
	rm -rf $(VENV) build dist

$(VENV)/.tool: pyproject.toml
	test -x $(VENV)/bin/python || $(BASE_PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable .
	mkdir -p build && touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.tool
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(PROJECT_ENV)/.ready: templates/project/requirements/cpu.txt | $(VENV)/.tool
	rm -rf build/project
	$(VENV)/bin/python -m scaffolder.releases build --bundle build/templates.bundle
	$(VENV)/bin/fewshot new build/project --defaults --template build/templates.bundle >/dev/null
	$(MAKE) -C build/project setup VENV=$(PROJECT_ENV)
	touch $@
