# The project's commands. Each is a few words here and a script in bin/, which can be called as well.

.DEFAULT_GOAL := help
.PHONY: help setup run stop reset test lint fmt test-wire test-sim test-addon test-system i18n soak bench shell psql logs

DB ?= utility
export PORT DB DETACH ADDON TAGS KEEP

# Some shells export HOST as the machine's name; only a word on our own command line is meant.
ifeq ($(origin HOST),command line)
export HOST
else
unexport HOST
endif

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## download and prepare everything under .local/
	@bin/setup

run: ## Odoo with a demo site and simulated meters (PORT=8069 HOST= DB= DETACH=1)
	@bin/run

stop: ## end what run started
	@bin/stop

reset: ## forget the demo's database and meters, keep the downloads
	@bin/reset

test: ## every test: lint, wire, simulator, addons with browser tours, system
	@bin/test

lint: ## read the sources with every checker
	@bin/setup --test
	@bin/lint

fmt: ## write the formats that lint wants
	@bin/setup --test
	@bin/lint --fix

test-wire: ## codecs and sessions, no Odoo
	@bin/test wire

test-sim: ## sockets and serial lines against the simulator
	@bin/test sim

test-addon: ## addon tests in Odoo (ADDON=meter_gateway TAGS=/utility_prepaid:TestVend KEEP=1)
	@bin/test addon

test-system: ## processes killed on purpose
	@bin/test system

i18n: ## terms of the sources into the translation files (bin/i18n --check only looks)
	@bin/setup --test
	@bin/i18n

soak: ## the long form of the system tests
	@bin/setup --test
	@.local/venv/bin/python -m pytest -q tests/system -m soak

bench: ## speed: the wire against its limit, a sale against Odoo's own invoice and payment
	@bin/setup
	@.local/venv/bin/python tests/bench

shell: ## Odoo's Python shell on the demo's database
	@bin/setup
	@bin/odoo shell -d $(DB) --no-http

psql: ## SQL on the demo's database
	@bin/setup
	@eval "$$(bin/postgres start)" && psql -d $(DB)

logs: ## follow what Odoo, the hub and the simulated meters say
	@tail -n 20 -F .local/log/odoo.log .local/log/hub.log .local/log/sim.log
