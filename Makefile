# Everything from a fresh checkout, with nothing but Python >= 3.11 and make. `make` lists the targets.
# PYTHON=python3.12 chooses the interpreter of the virtual environment.
PYTHON ?=
IN_VENV := .venv/bin/python
COMPILE := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

.PHONY: help demo up test unit soak lint format hooks drawn pictures lock sbom clean venv

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo: venv ## the whole system with sample orders [ONCE=1] [ARGS="--http 9000"]
	@$(IN_VENV) manage.py demo $(if $(ONCE),--once) $(ARGS)

up: venv ## the whole system without sample orders [ARGS="--ib HOST:PORT"]
	@$(IN_VENV) manage.py up $(ARGS)

test: venv ## every check and every test [ARGS="-k name"]
	@sh .ci/test $(ARGS)

unit: venv ## only the tests that need no running system, while one works [ARGS="-k name"]
	@$(IN_VENV) -m pytest -q -n 2 tests/unit tests/integration/orders $(ARGS)

soak: venv ## what the tests do, for long: many seeds, every gap, deep fuzzing [ARGS="-k chaos"]
	@sh .ci/soak $(ARGS)

lint: venv ## style, types and the imports between rooms
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy
	.venv/bin/lint-imports

format: venv ## put the code into shape
	$(IN_VENV) -m ruff check --fix .
	$(IN_VENV) -m ruff format .

hooks: venv ## run `make lint` before each commit of this checkout
	.venv/bin/pre-commit install

drawn: venv ## write the pages of docs/ that are drawn from the code
	$(IN_VENV) manage.py drawlifecycle
	$(IN_VENV) manage.py drawkinds
	$(IN_VENV) manage.py drawcontrols
	$(IN_VENV) manage.py drawarchitecture
	$(IN_VENV) manage.py drawperformance

pictures: venv ## take the pictures of docs/images anew
	@DESK_IMAGES=docs/images $(IN_VENV) -m pytest -q tests/browser/test_pages.py tests/browser/test_middle_office.py tests/browser/test_flower.py \
		tests/browser/test_monitoring.py tests/soak/test_advisor_at_the_desk.py \
		-k 'serious or middle_office or flower or monitoring or shares_add_up'

lock: venv ## write both locks from pyproject.toml: production, and with all that tests and the local stack need
	@$(IN_VENV) -m uv --version 2>/dev/null || $(IN_VENV) -m pip install --quiet uv
	$(IN_VENV) -m uv pip compile $(COMPILE) --all-extras pyproject.toml -o requirements-dev.lock
	$(IN_VENV) -m uv pip compile $(COMPILE) --extra otel -c requirements-dev.lock pyproject.toml -o requirements.lock

sbom: venv ## print what requirements.lock installs, as CycloneDX
	@$(IN_VENV) manage.py sbom

clean: ## remove what the targets made
	rm -rf .tradedesk .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

venv: ## .venv as requirements-dev.lock wants it
	@PYTHON="$(PYTHON)" sh .ci/venv
