# Everything from a fresh checkout, with nothing but Python >= 3.11 and make.
#   make demo [ONCE=1] [ARGS="--http 9000"]    make up [ARGS=...]    make test [ARGS="-k name"]
# PYTHON=python3.12 chooses the interpreter of the virtual environment.
PYTHON ?=
IN_VENV := .venv/bin/python

.PHONY: help demo up test pictures lint lock clean venv

help:
	@sed -n '2,3s/^# *//p' Makefile

demo: venv
	@$(IN_VENV) manage.py demo $(if $(ONCE),--once) $(ARGS)

up: venv
	@$(IN_VENV) manage.py up $(ARGS)

test: venv
	@sh .ci/test $(ARGS)

pictures: venv
	@DESK_IMAGES=docs/images $(IN_VENV) -m pytest -q tests/browser/test_pages.py tests/browser/test_flower.py \
		tests/browser/test_monitoring.py -k 'serious or flower or monitoring'

lint: venv
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy
	.venv/bin/lint-imports

lock: venv
	@$(IN_VENV) -m uv --version 2>/dev/null || $(IN_VENV) -m pip install --quiet uv
	$(IN_VENV) -m uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-header --no-annotate --quiet pyproject.toml -o requirements.lock

clean:
	rm -rf .tradedesk .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

venv:
	@PYTHON="$(PYTHON)" sh .ci/venv
