# Everything installs itself: `make demo` and `make test` work on a machine that has only Python, pip,
# make and git.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
.DEFAULT_GOAL := help
.PHONY: help demo mail picture test check lint types imports bench lock holidays clean

help: ## Dire ce qu'on peut demander
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml requirements.lock hatch_build.py $(wildcard inbox/locale/*/LC_MESSAGES/*.po)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Il faut Python 3.11 ou plus récent : make PYTHON=python3.12 …"; \
	  echo "Python 3.11 or later is needed: make PYTHON=python3.12 …"; exit 1; }
	@echo "Installation dans .venv (une minute la première fois)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(BIN)/python -m compileall -q engine workflows notifications inbox .venv/lib || true
	@touch $@

demo: $(STAMP) ## La démonstration : des demandes menées d'un bout à l'autre dans demo/
	@$(BIN)/python -m inbox.demo demo

picture: $(STAMP) ## Refaire l'image du README, après make demo
	@$(BIN)/python -m inbox.demo.picture demo docs/inbox.svg

mail: $(STAMP) ## Le serveur de courrier local de la démonstration, tant qu'on ne l'arrête pas
	@$(BIN)/python -m inbox.demo.mailserver demo

test: $(STAMP) ## Les essais, sur SQLite et sur un vrai PostgreSQL
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -q $(PYTEST)

lint: $(STAMP) ## Le style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP) ## Les types
	@$(BIN)/mypy

imports: $(STAMP) ## Qui importe qui
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry .

check: lint types imports ## Tout ce que vérifie l'intégration continue
	@$(MAKE) test PYTEST="--cov --cov-report=term $(PYTEST)"

bench: $(STAMP) ## Les mesures
	@$(BIN)/python -m benchmarks

lock: $(STAMP) ## Refaire requirements.lock
	@$(BIN)/pip-compile -q --extra dev --strip-extras --no-header --no-annotate --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml

holidays: $(STAMP) ## Refaire la table des jours fériés
	@$(BIN)/python -c "from engine.calendar import write_table; write_table()"

clean: ## Retirer ce que make a fait
	rm -rf .venv demo .coverage* .pytest_cache .mypy_cache .ruff_cache
