# The repository's own tasks; a rendered project has a Makefile of its own.

VENV := .venv
# The newest Python that a rendered project's environment can be made of, else any.
BASE_PYTHON ?= $(shell for p in python3.11 python3.10 python3; do \
	$$p -c 'import venv, ensurepip' 2>/dev/null && echo $$p && break; done)
PROJECT_ENV := $(CURDIR)/build/project-env
DEMO = build/demo-$(TASK)/demo-project

.PHONY: help demo demo-detection test test-tool test-project lint bundle docs files clean
.DEFAULT_GOAL := help

help:  ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo:  ## the whole way on sample pictures, ending with a report
demo-detection:  ## the same with boxes: sample boards with defects
demo: TASK := classification
demo-detection: TASK := detection
demo demo-detection: $(VENV)/.tool $(PROJECT_ENV)/.ready
	rm -rf $(DEMO) && mkdir -p $(dir $(DEMO))
	$(VENV)/bin/fewshot demo $(DEMO) --task $(TASK) >/dev/null
	$(MAKE) --no-print-directory -C $(DEMO) setup all VENV=$(PROJECT_ENV)
	@echo; echo "Project: $(CURDIR)/$(DEMO) (its steps: make help VENV=$(PROJECT_ENV))"
	@echo "Report: $$(ls -t $(CURDIR)/$(DEMO)/runs/*/report.html | head -n 1)"

test: test-tool test-project  ## every test: the tool's, then the rendered project's

test-tool: $(VENV)/.dev  ## tests of the tool, the template and the package
	$(VENV)/bin/python -m pytest -n auto tests/cli tests/template tests/package

test-project: $(PROJECT_ENV)/.ready  ## tests of the rendered project, in its own environment
	$(PROJECT_ENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder tests/project

lint: $(VENV)/.dev  ## formatting, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

bundle: $(VENV)/.tool  ## write templates/ into the release bundle, after each edit of it
	$(VENV)/bin/python -m scaffolder.releases build

docs: $(VENV)/.tool  ## write docs/cli.md
	$(VENV)/bin/python docs/generate.py > build/cli.md && mv build/cli.md docs/cli.md

files: $(VENV)/.tool  ## write the lists of rendered files; read the difference before committing it
	rm -rf build/files && mkdir -p build/files
	$(VENV)/bin/python -m scaffolder.releases build --bundle build/templates.bundle
	for task in classification detection; do \
		$(VENV)/bin/fewshot new build/files/$$task --task $$task --defaults \
			--template build/templates.bundle >/dev/null || exit 1; \
		(cd build/files/$$task && find . -name .git -prune -o ! -type d -print | sed 's|^\./||' | \
			LC_ALL=C sort) > tests/template/$$task.txt; \
	done

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
	$(PROJECT_ENV)/bin/python -m pip install --quiet hypothesis pytest-xdist
	touch $@
